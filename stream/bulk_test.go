package stream

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// pieces is a connection that notes how it is written to.
type pieces struct {
	net.Conn
	sizes []int
	all   bytes.Buffer
	err   error
}

func (p *pieces) Write(b []byte) (int, error) {
	if p.err != nil {
		return 0, p.err
	}
	p.sizes = append(p.sizes, len(b))
	return p.all.Write(b)
}

func TestRecordsReachTheKernelInLargePieces(t *testing.T) {
	under := new(pieces)
	b, want := newBulk(under), randomBytes(1<<20)
	write := func(part []byte) {
		t.Helper()
		if n, err := b.Write(part); n != len(part) || err != nil {
			t.Fatal(n, err)
		}
	}
	write(want[:10]) // as in the handshake
	b.hold()
	for part := want[10:]; len(part) > 0; {
		n := min(16<<10+22, len(part))
		write(part[:n])
		part = part[n:]
	}
	if err := b.flush(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(under.all.Bytes(), want) || under.sizes[0] != 10 || len(under.sizes) > 11 {
		t.Errorf("%d bytes in pieces of %d", under.all.Len(), under.sizes)
	}
}

func TestErrorOfAPieceReachesTheWriter(t *testing.T) {
	broken := errors.New("broken")
	b := newBulk(&pieces{err: broken})
	b.hold()
	if _, err := b.Write([]byte{1}); err != nil {
		t.Fatal(err)
	}
	if err := b.flush(); !errors.Is(err, broken) {
		t.Error(err)
	}
}

func TestLastWordOfTLSWaitsForASlowLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		go func() {
			time.Sleep(time.Minute)
			_, _ = io.ReadFull(far, make([]byte, 1))
			_ = far.Close()
		}()
		b := newBulk(near)
		if err := b.SetWriteDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Write([]byte{1}); err != nil {
			t.Error(err)
		}
		_ = near.Close()
	})
}
