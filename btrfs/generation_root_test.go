//go:build root

package btrfs_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
)

// changes are what may happen to a share with a "file" of 4096 bytes in it, by
// name, and whether that is a change.
func changes() map[string]change {
	return map[string]change{
		"nothing":          {func(string) error { return nil }, false},
		"write":            {overwrite, true},
		"append":           {appendTo, true},
		"write in place":   {writeInPlace, true},
		"mapped write":     {writeMapped, true},
		"truncation":       {func(dir string) error { return os.Truncate(dir+"/file", 10) }, true},
		"hole":             {punch, true},
		"mode":             {func(dir string) error { return os.Chmod(dir+"/file", 0o640) }, true},
		"owner":            {func(dir string) error { return os.Chown(dir+"/file", 7, 7) }, true},
		"times":            {func(dir string) error { return os.Chtimes(dir+"/file", taken, taken) }, true},
		"attribute":        {func(dir string) error { return unix.Setxattr(dir+"/file", "user.a", []byte("b"), 0) }, true},
		"attribute of top": {func(dir string) error { return unix.Setxattr(dir, "user.a", []byte("b"), 0) }, true},
		"rename":           {func(dir string) error { return os.Rename(dir+"/file", dir+"/new") }, true},
		"removal":          {func(dir string) error { return os.Remove(dir + "/file") }, true},
		"link":             {func(dir string) error { return os.Link(dir+"/file", dir+"/link") }, true},
		"directory":        {func(dir string) error { return os.Mkdir(dir+"/dir", 0o755) }, true},
		"node":             {func(dir string) error { return unix.Mkfifo(dir+"/fifo", 0o600) }, true},
		"clone":            {cloneInto, true},
		"write after sync": {writeAfterSync, true},
		"read":             {readBack, false},
		"other snapshot":   {snapshotOf, false},
		"write next to it": {func(dir string) error { return overwrite(filepath.Dir(dir)) }, false},
	}
}

type change struct {
	do      func(dir string) error
	changed bool
}

func TestGenerationTellsChangesFromQuiet(t *testing.T) {
	p := newPool(t, "noatime")
	must(t, os.WriteFile(filepath.Join(p.Path(), "file"), make([]byte, 4096), 0o600))
	for name, c := range changes() {
		t.Run(name, func(t *testing.T) {
			share, snap := snapshottedShare(t, p, name)
			must(t, c.do(filepath.Join(p.Path(), name)))
			now, err := p.Generation(t.Context(), share)
			must(t, err)
			if changed := now > snap.OTransID; changed != c.changed {
				t.Errorf("generation is %d, the snapshot's otransid %d: changed is %v, want %v",
					now, snap.OTransID, changed, c.changed)
			}
		})
	}
}

// The kernel keeps the root of a deleted snapshot until it is cleaned up, and
// refuses to read its tree. Whoever looks meanwhile must not stumble over it.
func TestSnapshotsThatVanishMeanwhileAreNoError(t *testing.T) {
	p := newPool(t, "noatime")
	share, _ := snapshottedShare(t, p, "share")
	end := time.Now().Add(5 * time.Second)
	var churn sync.WaitGroup
	churn.Go(func() {
		for i := 0; time.Now().Before(end); i++ {
			wantNil(t, overwrite(filepath.Join(p.Path(), "share")))
			other, err := p.Snapshot(t.Context(), share, "other", taken.Add(time.Duration(i)*time.Second))
			wantNil(t, err)
			wantNil(t, p.ReleaseSnapshot(t.Context(), other, other.Tasks[0]))
		}
	})
	for time.Now().Before(end) {
		_, err := p.Generation(t.Context(), share)
		wantNil(t, err)
		_, err = p.Snapshots(t.Context())
		wantNil(t, err)
		_, err = p.Shares(t.Context())
		wantNil(t, err)
	}
	churn.Wait()
}

// wantNil is must for goroutines of a test.
func wantNil(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
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
				must(t, changes()[name].do(filepath.Join(p.Path(), name)))
				fsyncAll(t, filepath.Join(p.Path(), name))
				run(t, "cp", "--sparse=always", file, crashed)
			})
			p := openPool(t, mount(t, crashed, "noatime"))
			now, err := p.Generation(t.Context(), share)
			must(t, err)
			if now <= snap.OTransID {
				t.Errorf("generation is %d, the snapshot's otransid %d", now, snap.OTransID)
			}
			must(t, snapshotOf(filepath.Join(p.Path(), name)))
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
	must(t, snapshotOf(filepath.Join(p.Path(), "a")))
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

// What makes it dear is a commit, of which the kernel may make one of its own.
func TestGenerationOfAQuietShareCommitsNothing(t *testing.T) {
	p := newPool(t, "noatime")
	share := newShare(t, p, "a")
	_, err := p.Generation(t.Context(), share)
	must(t, err)
	before, start := commits(t, p), time.Now()
	const rounds = 20
	for range rounds {
		_, err := p.Generation(t.Context(), share)
		must(t, err)
	}
	t.Logf("it takes %v", time.Since(start)/rounds)
	if made := commits(t, p) - before; made >= rounds/2 {
		t.Errorf("%d commits in %d rounds", made, rounds)
	}
}

// commits returns the number of the last transaction of the file system.
func commits(t *testing.T, p *btrfs.Pool) int {
	t.Helper()
	text, err := os.ReadFile("/sys/fs/btrfs/" + p.UUID().String() + "/generation")
	must(t, err)
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	must(t, err)
	return n
}

func overwrite(dir string) error { return os.WriteFile(dir+"/file", []byte("changed"), 0o600) }

func writeAfterSync(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(btrfs.SyncFS(f), f.Close(), overwrite(dir))
}

func appendTo(dir string) error {
	f, err := os.OpenFile(dir+"/file", os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString("more")
	return errors.Join(err, f.Close())
}

// writeMapped changes a byte through memory, which no system call tells of.
func writeMapped(dir string) error {
	f, err := os.OpenFile(dir+"/file", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	memory, err := unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return errors.Join(err, f.Close())
	}
	memory[100] = 1
	return errors.Join(f.Close(), unix.Munmap(memory))
}

// writeInPlace changes blocks that have no copy-on-write.
func writeInPlace(dir string) error {
	f, err := os.OpenFile(dir+"/nocow", os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte("changed"), 100)
	return errors.Join(err, f.Close())
}

func punch(dir string) error {
	f, err := os.OpenFile(dir+"/file", os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	err = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, 4096)
	return errors.Join(err, f.Close())
}

func cloneInto(dir string) error {
	src, err := os.Open(dir + "/file")
	if err != nil {
		return err
	}
	dst, err := os.Create(dir + "/clone")
	if err != nil {
		return errors.Join(err, src.Close())
	}
	return errors.Join(btrfs.CloneRange(dst, 0, src, 0, 0), dst.Close(), src.Close())
}

func readBack(dir string) error {
	_, err := os.ReadFile(dir + "/file")
	return err
}

// snapshotOf takes a snapshot as other programs do.
func snapshotOf(dir string) error {
	src, err := os.Open(dir)
	if err != nil {
		return err
	}
	top, err := os.Open(filepath.Dir(dir))
	if err != nil {
		return errors.Join(err, src.Close())
	}
	return errors.Join(btrfs.CreateSnapshot(top, "foreign", src, true), top.Close(), src.Close())
}
