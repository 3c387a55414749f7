//go:build root

package test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"btrmesh/mesh/control"
)

// fillUp leaves no room on the appliance's pool, for data or for anything else.
// What it returns gives it back.
func (a *appliance) fillUp(name string) (empty func()) {
	a.t.Helper()
	path := filepath.Join(a.pool.Path(), name)
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		a.t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(path, "data"))
	if err != nil {
		a.t.Fatal(err)
	}
	for size := 1 << 20; size >= 4096; size /= 16 {
		block := []byte(strings.Repeat("0123456789abcdef", size/16))
		for err = nil; err == nil; {
			_, err = f.Write(block)
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		a.t.Fatal(err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		a.t.Fatal(err)
	}
	return func() {
		if err := errors.Join(os.RemoveAll(path), a.pool.SyncFS()); err != nil {
			a.t.Fatal(err)
		}
	}
}

// The target keeps its state on the pool, which is full before the run begins.
func TestATargetWhoseStateIsOnItsFullPoolAnswersAndGoesOn(t *testing.T) {
	l := newLabOf(t, 1<<30, "nas-a", "nas-b")
	a, b := l.nodes[0], l.nodes[1]
	b.dir = filepath.Join(b.pool.Path(), "system")
	if err := os.Mkdir(b.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	b.client = control.NewClient(b.socket(), 10*time.Second)
	a.start()
	b.start()
	pair(a, b)
	photos := a.share("photos")
	fill(t, photos, "one", 8<<20)
	a.must("task", "add", "photos", "--to", "nas-b", "--pool", "tank", "--every", "3600")
	a.must("task", "run", "photos-nas-b", "--wait")
	kept := outcomes(a, b, "photos-nas-b", "photos@nas-a")

	fill(t, photos, "two", 8<<20)
	first := b.fillUp("fill")
	a.refuses(8, "nas-b:tank", "task", "run", "photos-nas-b", "--wait")
	second := b.fillUp("more") // what the ballast left
	a.refuses(8, "the disk of its state is full", "task", "run", "photos-nas-b", "--wait")
	b.must("receive", "list")
	if text, _, _ := b.run("status"); !strings.Contains(text, "is full") {
		t.Errorf("status says\n%s", text)
	}
	if left := b.staged(); len(left) != 0 {
		t.Errorf("staging: %q", left)
	}

	first()
	second()
	a.must("task", "run", "photos-nas-b", "--wait")
	now := outcomes(a, b, "photos-nas-b", "photos@nas-a")
	for _, was := range kept {
		if !strings.Contains(strings.Join(now, "\n"), was) {
			t.Errorf("%q is not in the history any more: %q", was, now)
		}
	}
	b.kill(syscall.SIGKILL)
	b.start()
	if again := outcomes(a, b, "photos-nas-b", "photos@nas-a"); strings.Join(again, ", ") != strings.Join(now, ", ") {
		t.Errorf("history after a kill %q, before %q", again, now)
	}
}
