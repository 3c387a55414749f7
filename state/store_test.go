package state

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"btrmesh/certs"
)

func memory(t *testing.T) *Store {
	t.Helper()
	s, err := OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, s) })
	return s
}

func onDisk(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closed(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func update(t *testing.T, s *Store, fn func(*Tx) error) {
	t.Helper()
	if err := s.Update(fn); err != nil {
		t.Fatal(err)
	}
}

func TestOpenMakesAPrivateDirectoryAndFindsItsContentsAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	s := onDisk(t, dir)
	update(t, s, func(tx *Tx) error { return tx.PutTask(Task{Name: "photos-nas-b", EverySeconds: 300}) })
	closed(t, s)
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	s = onDisk(t, dir)
	defer closed(t, s)
	err = s.View(func(tx *Tx) error {
		got, ok, err := tx.Task("photos-nas-b")
		if !ok || got.EverySeconds != 300 {
			t.Errorf("read back %+v, %v", got, ok)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestOpenRefusesADirectoryOthersMayEnter(t *testing.T) {
	for _, mode := range []fs.FileMode{0o755, 0o710, 0o701, 0o770} {
		dir := t.TempDir()
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		_, err := Open(dir, slog.New(slog.DiscardHandler))
		if !errors.Is(err, ErrMode) || !strings.Contains(err.Error(), "chmod 0700 "+dir) {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
}

func TestOpenNamesTheProcessThatHasTheStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	s := onDisk(t, dir)
	_, err := Open(dir, slog.New(slog.DiscardHandler))
	var locked *LockedError
	if !errors.As(err, &locked) || locked.PID != os.Getpid() || !errors.Is(err, ErrLocked) {
		t.Errorf("second open: %v", err)
	}
	closed(t, s)
	closed(t, onDisk(t, dir))
}

func TestOpenNeedsTheDirectoryAbove(t *testing.T) {
	_, err := Open(filepath.Join(t.TempDir(), "no", "state"), slog.New(slog.DiscardHandler))
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestClosedStoreRefusesWork(t *testing.T) {
	s, err := OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	closed(t, s)
	closed(t, s)
	nothing := func(*Tx) error { return nil }
	if err := s.View(nothing); !errors.Is(err, ErrClosed) {
		t.Errorf("view: %v", err)
	}
	if err := s.Update(nothing); !errors.Is(err, ErrClosed) {
		t.Errorf("update: %v", err)
	}
}

func TestFailedUpdateLeavesNothing(t *testing.T) {
	s := memory(t)
	stop := errors.New("stop")
	err := s.Update(func(tx *Tx) error {
		return errors.Join(tx.PutTask(Task{Name: "a"}), stop)
	})
	if !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
	_ = s.View(func(tx *Tx) error {
		if _, ok, err := tx.Task("a"); ok || err != nil {
			t.Errorf("task is there: %v, %v", ok, err)
		}
		return nil
	})
}

func TestViewCannotWrite(t *testing.T) {
	s := memory(t)
	if err := s.View(func(tx *Tx) error { return tx.PutTask(Task{Name: "a"}) }); err == nil {
		t.Error("written in a view")
	}
}

// count adds one to the runs of a task, after letting between change it too.
func count(tx *Tx, between func()) error {
	task, _, err := tx.Task("a")
	if err != nil {
		return err
	}
	between()
	task.Name, task.NextRun = "a", task.NextRun+1
	return tx.PutTask(task)
}

func nextRun(t *testing.T, s *Store) uint64 {
	t.Helper()
	var n uint64
	err := s.View(func(tx *Tx) error {
		task, _, err := tx.Task("a")
		n = task.NextRun
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestConflictingUpdateIsRepeated(t *testing.T) {
	s := memory(t)
	calls := 0
	update(t, s, func(tx *Tx) error {
		calls++
		return count(tx, func() {
			if calls == 1 {
				update(t, s, func(tx *Tx) error { return count(tx, func() {}) })
			}
		})
	})
	if n := nextRun(t, s); calls != 2 || n != 2 {
		t.Errorf("%d calls, count %d; want 2 and 2", calls, n)
	}
}

func TestUpdateThatAlwaysConflictsEnds(t *testing.T) {
	s := memory(t)
	calls := 0
	err := s.Update(func(tx *Tx) error {
		calls++
		return count(tx, func() {
			update(t, s, func(tx *Tx) error { return count(tx, func() {}) })
		})
	})
	if !errors.Is(err, ErrConflict) || calls != maxAttempts {
		t.Errorf("%d calls, %v", calls, err)
	}
}

func TestConcurrentUpdatesAllCount(t *testing.T) {
	s := memory(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if err := s.Update(func(tx *Tx) error { return count(tx, func() {}) }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := nextRun(t, s); n != 400 {
		t.Errorf("counted %d of 400", n)
	}
}

func TestMemoryStoreLivesInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memory(t)
		for range 24 {
			time.Sleep(time.Hour)
			update(t, s, func(tx *Tx) error { return count(tx, func() {}) })
		}
		if n := nextRun(t, s); n != 24 {
			t.Errorf("counted %d of 24", n)
		}
	})
}

func TestMemoryStoreTakesMoreThanItsMemtables(t *testing.T) {
	s := memory(t)
	blob := strings.Repeat("x", 30<<10)
	for i := range 1500 { // 45 MB
		peer := certs.ID{0: byte(i), 1: byte(i >> 8), 31: 1}
		update(t, s, func(tx *Tx) error { return tx.PutPeer(Peer{ID: peer, Name: blob}) })
	}
	_ = s.View(func(tx *Tx) error {
		if peers, err := tx.Peers(); len(peers) != 1500 || err != nil {
			t.Errorf("%d peers, %v", len(peers), err)
		}
		return nil
	})
}

func TestDamagedTableIsNoticedAtOpen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	s := onDisk(t, dir)
	for i := range 20 {
		update(t, s, func(tx *Tx) error { return tx.PutTask(Task{Name: fmt.Sprintf("task-%d", i)}) })
	}
	closed(t, s) // writes the memtable as a table
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatalf("no table: %v", err)
	}
	data, err := os.ReadFile(tables[0])
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/3] ^= 0x10
	if err := os.WriteFile(tables[0], data, 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(dir, slog.New(slog.DiscardHandler)); err == nil {
		closed(t, s)
		t.Error("a damaged table was opened")
	}
}
