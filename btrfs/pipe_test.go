package btrfs

import (
	"io"
	"testing"
	"testing/synctest"
	"time"
)

func TestPipeIsReadInPiecesWorthWakingUpFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			name   string
			given  int // bytes by each read
			buffer int
			want   time.Duration // for ten reads
		}{
			{"a slow kernel is given time", 100, 1 << 20, 9 * moment},
			{"a fast one is not", shortRead, 1 << 20, 0},
			{"nor is one that filled a small buffer", 100, 100, 0},
		} {
			p, began := patient{src: steady(c.given)}, time.Now()
			for range 10 {
				if n, err := p.Read(make([]byte, c.buffer)); n != c.given || err != nil {
					t.Fatalf("%s: read %d bytes, %v", c.name, n, err)
				}
			}
			if took := time.Since(began); took != c.want {
				t.Errorf("%s: ten reads took %v, want %v", c.name, took, c.want)
			}
		}
	})
}

func TestPipeGivesItsEndAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, began := patient{src: steady(0)}, time.Now()
		if n, err := p.Read(make([]byte, 10)); n != 0 || err != io.EOF { //nolint:errorlint // io.Reader returns it bare
			t.Errorf("read %d bytes, %v", n, err)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("the end took %v", took)
		}
	})
}

// steady gives that many bytes at a time, or the end if there are none.
type steady int

func (s steady) Read(b []byte) (int, error) {
	if s == 0 {
		return 0, io.EOF
	}
	return min(int(s), len(b)), nil
}
