//go:build root

package state

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"btrmesh/btrfs/btrfstest"
)

// fillUp leaves no room on a pool, and returns what to remove.
func fillUp(t *testing.T, pool string) (file string) {
	t.Helper()
	file = filepath.Join(pool, "fill")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	for size := 1 << 20; size >= 4096; size /= 16 {
		block := []byte(strings.Repeat("0123456789abcdef", size/16))
		for err = nil; err == nil; {
			_, err = f.Write(block)
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return file
}

func put(s *Store, n uint64) error {
	return s.Update(func(tx *Tx) error { return tx.PutTask(Task{Name: "a", NextRun: n, Share: strings.Repeat("x", 200)}) })
}

func wantFull(t *testing.T, err error) {
	t.Helper()
	if _, ok := errors.AsType[*FullError](err); !ok {
		t.Fatalf("%v, want a FullError", err)
	}
}

func openOn(t *testing.T, pool string) *Store {
	t.Helper()
	s, err := Open(filepath.Join(pool, "state"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestFullDiskIsAnErrorAndLosesNothingAcknowledged(t *testing.T) {
	pool := btrfstest.NewPool(t, btrfstest.PoolOptions{Size: 512 << 20}).Path()
	s := openOn(t, pool)
	acknowledged := uint64(0)
	write := func(n int) error {
		for range n {
			if err := put(s, acknowledged+1); err != nil {
				return err
			}
			acknowledged++
		}
		return nil
	}
	if err := write(100); err != nil {
		t.Fatal(err)
	}
	fill := fillUp(t, pool)
	if err := write(100); err != nil { // of the ballast
		t.Fatal(err)
	}
	fillUp(t, filepath.Join(pool, "state")) // of which nothing is left now
	wantFull(t, write(1))
	wantFull(t, s.Writable())
	if got := nextRun(t, s); got != acknowledged {
		t.Errorf("on the full disk one reads %d, want %d", got, acknowledged)
	}
	wantFull(t, s.Close())
	if err := errors.Join(os.Remove(fill), os.Remove(filepath.Join(pool, "state/fill"))); err != nil {
		t.Fatal(err)
	}
	syscall.Sync()
	if err := errors.Join(write(100), s.Close()); err != nil { // it goes on by itself
		t.Fatal(err)
	}
	s = openOn(t, pool)
	if got := nextRun(t, s); got != acknowledged {
		t.Errorf("after the restart one reads %d, want %d", got, acknowledged)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestStoreOpensOnAFullDiskOnce(t *testing.T) {
	pool := btrfstest.NewPool(t, btrfstest.PoolOptions{Size: 512 << 20}).Path()
	s := openOn(t, pool)
	if err := errors.Join(put(s, 7), s.Close()); err != nil {
		t.Fatal(err)
	}
	fillUp(t, pool)
	s = openOn(t, pool)
	if got := nextRun(t, s); got != 7 {
		t.Errorf("one reads %d, want 7", got)
	}
	if err := errors.Join(put(s, 8), s.Close()); err != nil {
		t.Fatal(err)
	}
	fillUp(t, filepath.Join(pool, "state"))
	_, err := Open(filepath.Join(pool, "state"), slog.New(slog.DiscardHandler))
	wantFull(t, err)
	if text := err.Error(); !strings.Contains(text, "are needed") {
		t.Errorf("the error is %s", text)
	}
}
