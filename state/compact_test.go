package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
)

// thin opens a store whose tables are small, so that a test fills many, and that
// does not wait for the disk.
func thin(t *testing.T, dir string) *Store {
	t.Helper()
	if err := prepareDir(dir); err != nil {
		t.Fatal(err)
	}
	s, err := open(smallOptions(dir).WithMemTableSize(512<<10).WithSyncWrites(false), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fill writes n peers of 8 KiB each over the same ten.
func fill(t *testing.T, s *Store, n int) {
	t.Helper()
	for i := range n {
		update(t, s, func(tx *Tx) error {
			return tx.PutPeer(Peer{ID: id(byte(1 + i%10)), Name: name(i)})
		})
	}
}

func name(i int) string { return fmt.Sprint(i, " ", strings.Repeat("x", 8<<10)) }

// wantFilled checks that the newest of n is there for each of the ten.
func wantFilled(t *testing.T, s *Store, n int) {
	t.Helper()
	err := s.View(func(tx *Tx) error {
		for i := n - 10; i < n; i++ {
			p, _, err := tx.Peer(id(byte(1 + i%10)))
			if err != nil {
				return err
			}
			if p.Name != name(i) {
				t.Errorf("peer %d is %.20q, want %.20q", i%10, p.Name, name(i))
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestWritersNeverWaitWhereNothingCompacts(t *testing.T) {
	s := thin(t, filepath.Join(t.TempDir(), "state"))
	defer closed(t, s)
	const n = 3000
	fill(t, s, n)
	if got := s.unsorted(); got < 5*compactAt {
		t.Errorf("%d tables: not far beyond what is compacted", got)
	}
	wantFilled(t, s, n)
}

func TestAStoreThatIsMaintainedDoesNotGrowByWritingTheSame(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	s := thin(t, dir)
	ctx, stop := context.WithCancel(t.Context())
	maintained := make(chan error, 1)
	go func() { maintained <- s.Maintain(ctx) }()
	const n = 6000 // 48 MiB, of which 80 KiB count
	fill(t, s, n)
	stop()
	if err := errors.Join(<-maintained, s.compact()); err != nil {
		t.Fatal(err)
	}
	if got := s.unsorted(); got >= compactAt {
		t.Errorf("%d tables in level zero", got)
	}
	wantFilled(t, s, n)
	closed(t, s)
	if got := tableBytes(t, dir); got > 8<<20 {
		t.Errorf("%d KiB of tables for 80 KiB", got>>10)
	}
	s = thin(t, dir)
	defer closed(t, s)
	wantFilled(t, s, n)
}

func TestEachStartLeavesATableAndMaintainMergesThem(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	for range compactAt + 2 {
		s := thin(t, dir)
		fill(t, s, 10)
		closed(t, s)
	}
	s := thin(t, dir)
	defer closed(t, s)
	if got := s.unsorted(); got < compactAt {
		t.Fatalf("%d tables before", got)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := s.Maintain(ctx); err != nil {
		t.Error(err)
	}
	if got := s.unsorted(); got != 0 {
		t.Errorf("%d tables after", got)
	}
	wantFilled(t, s, 10)
}

// tableBytes is how much the tables in dir hold.
func tableBytes(t *testing.T, dir string) int64 {
	t.Helper()
	var sum int64
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".sst" {
			return err
		}
		info, err := e.Info()
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sum
}
