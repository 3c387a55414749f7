//go:build root

package btrfs_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
)

// changes are what may happen to a share with a "file" of 4096 bytes in it, by
// name, and whether that is a change.
func changes() map[string]change {
	return map[string]change{
		"nothing":          {func(*testing.T, string) {}, false},
		"write":            {overwrite, true},
		"append":           {appendTo, true},
		"write in place":   {writeInPlace, true},
		"mapped write":     {writeMapped, true},
		"truncation":       {func(t *testing.T, dir string) { must(t, os.Truncate(dir+"/file", 10)) }, true},
		"hole":             {punch, true},
		"mode":             {func(t *testing.T, dir string) { must(t, os.Chmod(dir+"/file", 0o640)) }, true},
		"owner":            {func(t *testing.T, dir string) { must(t, os.Chown(dir+"/file", 7, 7)) }, true},
		"times":            {func(t *testing.T, dir string) { must(t, os.Chtimes(dir+"/file", taken, taken)) }, true},
		"attribute":        {func(t *testing.T, dir string) { must(t, unix.Setxattr(dir+"/file", "user.a", []byte("b"), 0)) }, true},
		"attribute of top": {func(t *testing.T, dir string) { must(t, unix.Setxattr(dir, "user.a", []byte("b"), 0)) }, true},
		"rename":           {func(t *testing.T, dir string) { must(t, os.Rename(dir+"/file", dir+"/new")) }, true},
		"removal":          {func(t *testing.T, dir string) { must(t, os.Remove(dir+"/file")) }, true},
		"link":             {func(t *testing.T, dir string) { must(t, os.Link(dir+"/file", dir+"/link")) }, true},
		"directory":        {func(t *testing.T, dir string) { must(t, os.Mkdir(dir+"/dir", 0o755)) }, true},
		"node":             {func(t *testing.T, dir string) { must(t, unix.Mkfifo(dir+"/fifo", 0o600)) }, true},
		"clone":            {cloneInto, true},
		"write after sync": {func(t *testing.T, dir string) { unix.Sync(); overwrite(t, dir) }, true},
		"read":             {readBack, false},
		"other snapshot":   {snapshotOf, false},
		"write next to it": {func(t *testing.T, dir string) { overwrite(t, filepath.Dir(dir)) }, false},
	}
}

type change struct {
	do      func(t *testing.T, dir string)
	changed bool
}

func TestGenerationTellsChangesFromQuiet(t *testing.T) {
	p := newPool(t, "noatime")
	must(t, os.WriteFile(filepath.Join(p.Path(), "file"), make([]byte, 4096), 0o600))
	for name, c := range changes() {
		t.Run(name, func(t *testing.T) {
			share, snap := snapshottedShare(t, p, name)
			c.do(t, filepath.Join(p.Path(), name))
			now, err := p.Generation(t.Context(), share)
			must(t, err)
			if changed := now > snap.OTransID; changed != c.changed {
				t.Errorf("generation is %d, the snapshot's otransid %d: changed is %v, want %v",
					now, snap.OTransID, changed, c.changed)
			}
		})
	}
}

// A change that only the log tree holds reaches the subvolume at the next mount.
func TestGenerationTellsChangesReplayedAfterACrash(t *testing.T) {
	for _, name := range []string{
		"write", "append", "write in place", "truncation", "hole", "mode", "owner", "times", "attribute",
		"attribute of top", "rename", "link", "directory", "clone",
	} {
		t.Run(name, func(t *testing.T) {
			file, crashed := newImage(t), filepath.Join(t.TempDir(), "crashed")
			var share btrfs.Share
			var snap btrfs.Snapshot
			t.Run("before", func(t *testing.T) {
				p := openPool(t, mount(t, file, "noatime,commit=300"))
				must(t, os.WriteFile(filepath.Join(p.Path(), "file"), make([]byte, 4096), 0o600))
				share, snap = snapshottedShare(t, p, name)
				changes()[name].do(t, filepath.Join(p.Path(), name))
				fsyncAll(t, filepath.Join(p.Path(), name))
				run(t, "cp", "--sparse=always", file, crashed)
			})
			p := openPool(t, mount(t, crashed, "noatime"))
			now, err := p.Generation(t.Context(), share)
			must(t, err)
			if now <= snap.OTransID {
				t.Errorf("generation is %d, the snapshot's otransid %d", now, snap.OTransID)
			}
			snapshotOf(t, filepath.Join(p.Path(), name))
			again, err := p.Generation(t.Context(), share)
			must(t, err)
			if again <= snap.OTransID {
				t.Errorf("after another snapshot generation is %d, the otransid %d", again, snap.OTransID)
			}
		})
	}
}

// snapshottedShare makes a share that changes() can be applied to and takes a
// snapshot of it.
func snapshottedShare(t *testing.T, p *btrfs.Pool, name string) (btrfs.Share, btrfs.Snapshot) {
	t.Helper()
	share := newShare(t, p, name)
	dir := filepath.Join(p.Path(), name)
	must(t, os.WriteFile(dir+"/file", make([]byte, 4096), 0o600))
	must(t, os.WriteFile(dir+"/nocow", nil, 0o600))
	run(t, "chattr", "+C", dir+"/nocow")
	must(t, os.WriteFile(dir+"/nocow", make([]byte, 4096), 0o600))
	return share, snapshot(t, p, share, "task")
}

func fsyncAll(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		f := openDir(t, filepath.Join(dir, e.Name()))
		must(t, f.Sync())
	}
	must(t, openDir(t, dir).Sync())
}

func TestUnchangedShareIsRecognisedByItsNewestSnapshot(t *testing.T) {
	p := newPool(t, "noatime")
	share := newShare(t, p, "a")
	must(t, os.WriteFile(filepath.Join(p.Path(), "a/file"), []byte("x"), 0o600))
	for _, task := range []string{"one", "two", "three"} {
		snap := snapshot(t, p, share, task)
		now, err := p.Generation(t.Context(), share)
		must(t, err)
		if snap.OTransID < now {
			t.Errorf("taking a snapshot raised the generation to %d, beyond %d", now, snap.OTransID)
		}
	}
}

func TestForeignSnapshotOfALargeShareIsNoChange(t *testing.T) {
	p := newPool(t, "noatime")
	share := newShare(t, p, "a")
	for i := range 3000 {
		must(t, os.WriteFile(filepath.Join(p.Path(), "a", strconv.Itoa(i)), nil, 0o600))
	}
	snap := snapshot(t, p, share, "task")
	snapshotOf(t, filepath.Join(p.Path(), "a"))
	now, err := p.Generation(t.Context(), share)
	must(t, err)
	if now > snap.OTransID {
		t.Errorf("generation is %d, the snapshot's otransid %d", now, snap.OTransID)
	}
	must(t, os.Chmod(filepath.Join(p.Path(), "a/1500"), 0o644))
	now, err = p.Generation(t.Context(), share)
	must(t, err)
	if now <= snap.OTransID {
		t.Errorf("after a change generation is %d, the snapshot's otransid %d", now, snap.OTransID)
	}
}

func TestGenerationOfAQuietShareIsQuick(t *testing.T) {
	p := newPool(t, "noatime")
	share := newShare(t, p, "a")
	_, err := p.Generation(t.Context(), share)
	must(t, err)
	start := time.Now()
	const rounds = 20
	for range rounds {
		_, err := p.Generation(t.Context(), share)
		must(t, err)
	}
	if each := time.Since(start) / rounds; each > 50*time.Millisecond {
		t.Errorf("it takes %v", each)
	} else {
		t.Logf("it takes %v", each)
	}
}

func overwrite(t *testing.T, dir string) {
	t.Helper()
	must(t, os.WriteFile(dir+"/file", []byte("changed"), 0o600))
}

func appendTo(t *testing.T, dir string) {
	t.Helper()
	f, err := os.OpenFile(dir+"/file", os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteString("more")
	must(t, err)
	must(t, f.Close())
}

// writeMapped changes a byte through memory, which no system call tells of.
func writeMapped(t *testing.T, dir string) {
	t.Helper()
	f, err := os.OpenFile(dir+"/file", os.O_RDWR, 0)
	must(t, err)
	memory, err := unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	must(t, err)
	must(t, f.Close())
	memory[100] = 1
	t.Cleanup(func() { _ = unix.Munmap(memory) })
}

// writeInPlace changes blocks that have no copy-on-write.
func writeInPlace(t *testing.T, dir string) {
	t.Helper()
	f, err := os.OpenFile(dir+"/nocow", os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteAt([]byte("changed"), 100)
	must(t, err)
	must(t, f.Close())
}

func punch(t *testing.T, dir string) {
	t.Helper()
	f, err := os.OpenFile(dir+"/file", os.O_WRONLY, 0)
	must(t, err)
	must(t, unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, 4096))
	must(t, f.Close())
}

func cloneInto(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Create(dir + "/clone")
	must(t, err)
	must(t, btrfs.CloneRange(f, 0, openDir(t, dir+"/file"), 0, 0))
	must(t, f.Close())
}

func readBack(t *testing.T, dir string) {
	t.Helper()
	_, err := os.ReadFile(dir + "/file")
	must(t, err)
}

func snapshotOf(t *testing.T, dir string) {
	t.Helper()
	must(t, btrfs.CreateSnapshot(openDir(t, filepath.Dir(dir)), "foreign", openDir(t, dir), true))
}
