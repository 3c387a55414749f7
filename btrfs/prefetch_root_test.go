//go:build root

package btrfs_test

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
	"btrmesh/btrfs/btrfstest"
)

// Of the share that sends are measured with: more than is read ahead, by bytes
// and by files.
const (
	aheadFiles = 800
	aheadBig   = 48 << 20
)

// aheadShare makes a share and a snapshot of it.
func aheadShare(t *testing.T, p *btrfs.Pool) (btrfs.Share, btrfs.Snapshot) {
	t.Helper()
	share := newShare(t, p, "a")
	dir := filepath.Join(p.Path(), "a")
	must(t, btrfstest.Fill(dir+"/small", aheadFiles, 8<<10, 8<<10, 1))
	must(t, btrfstest.Fill(dir+"/big", 1, aheadBig, aheadBig, 2))
	return share, snapshot(t, p, share, "task")
}

// aheadIncrement is the send of all of such a share, relative to nothing.
func aheadIncrement(t *testing.T, p *btrfs.Pool) (btrfs.SendRequest, btrfs.Snapshot) {
	t.Helper()
	share := newShare(t, p, "a")
	parent := snapshot(t, p, share, "task")
	dir := filepath.Join(p.Path(), "a")
	must(t, btrfstest.Fill(dir+"/small", aheadFiles, 8<<10, 8<<10, 1))
	must(t, btrfstest.Fill(dir+"/big", 1, aheadBig, aheadBig, 2))
	snap := snapshot(t, p, share, "task")
	return btrfs.SendRequest{Snapshot: snap.UUID, Parent: parent.UUID}, snap
}

func snapshotPath(p *btrfs.Pool, s btrfs.Snapshot) string {
	return filepath.Join(p.Path(), s.Path())
}

// cachedBytes is how much of the files below dir is in the page cache.
func cachedBytes(t *testing.T, dir string) int64 {
	t.Helper()
	var pages uint64
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close() //nolint:errcheck // opened for reading
		var st unix.Cachestat_t
		err = unix.Cachestat(uint(f.Fd()), &unix.CachestatRange{}, &st, 0)
		pages += st.Cache
		return err
	}))
	return int64(pages) * int64(os.Getpagesize())
}

// onItsWay bounds what a send that has ended may leave in the page cache: what the
// kernel read on its own, beyond what it had to, and what was still on its way from
// the disk then cannot be dropped.
const onItsWay = 1 << 20

func TestSendReadsAheadAndLeavesNothingInThePageCache(t *testing.T) {
	p := newPool(t, "")
	request, snap := aheadIncrement(t, p)
	dir := snapshotPath(p, snap)
	open := count(t, "/proc/self/fd")
	var ahead, most int64
	writes := 0
	w := writerFunc(func(b []byte) (int, error) {
		if writes == 0 {
			ahead = waitForPages(t, dir, 3<<20)
		}
		if writes++; writes%32 == 0 {
			most = max(most, cachedBytes(t, dir))
		}
		return len(b), nil
	})
	_, err := p.Send(t.Context(), w, request)
	must(t, err)
	// The kernel alone reads on until the pipe is full, and drops each file.
	if ahead < 3<<20 {
		t.Errorf("%d bytes were read ahead", ahead)
	}
	if limit := int64(36 << 20); most == 0 || most > limit {
		t.Errorf("up to %d bytes were in the page cache, of at most %d", most, limit)
	}
	if left := cachedBytes(t, dir); left > onItsWay {
		t.Errorf("%d bytes were left in the page cache", left)
	}
	if now := count(t, "/proc/self/fd"); now > open {
		t.Errorf("%d open files became %d", open, now)
	}
}

// waitForPages returns once there are that many bytes, or after a minute.
func waitForPages(t *testing.T, dir string, want int64) int64 {
	t.Helper()
	for range 3000 {
		if got := cachedBytes(t, dir); got >= want {
			return got
		}
		time.Sleep(20 * time.Millisecond)
	}
	return cachedBytes(t, dir)
}

func TestFailedSendLeavesNothingInThePageCache(t *testing.T) {
	p := newPool(t, "")
	request, snap := aheadIncrement(t, p)
	full, writes := errors.New("full"), 0
	w := writerFunc(func(b []byte) (int, error) {
		if writes++; writes < 20 {
			return len(b), nil
		}
		return 0, full
	})
	_, err := p.Send(t.Context(), w, request)
	wantError(t, err, full)
	// What was on its way from the disk may stay.
	if left := cachedBytes(t, snapshotPath(p, snap)); left > 8<<20 {
		t.Errorf("%d bytes were left in the page cache", left)
	}
}

// The increment has old files with new blocks here and there, which the stream
// does not name by inode, beside new, renamed and cloned ones.
func TestIncrementReadAheadIsWhatBtrfsProgsWrites(t *testing.T) {
	p := newPool(t, "")
	share, first := aheadShare(t, p)
	dir := filepath.Join(p.Path(), "a")
	scatter(t, filepath.Join(dir, "big/d0000/f000000"), aheadBig)
	must(t, btrfstest.Fill(dir+"/small", aheadFiles-100, 4<<10, 20<<10, 3))
	must(t, btrfstest.Fill(dir+"/new", 100, 4<<10, 20<<10, 4))
	must(t, os.Rename(dir+"/small/d0001", dir+"/renamed"))
	run(t, "cp", "--reflink=always", dir+"/big/d0000/f000000", dir+"/clone")
	second := snapshot(t, p, share, "task")

	file := filepath.Join(t.TempDir(), "stream")
	run(t, "btrfs", "send", "-q", "--proto", "2", "-p", snapshotPath(p, first), "-f", file, snapshotPath(p, second))
	want, err := os.ReadFile(file)
	must(t, err)
	got, _ := send(t, p, btrfs.SendRequest{Snapshot: second.UUID, Parent: first.UUID, Version: 2})
	if !bytes.Equal(got, want) {
		t.Errorf("%d bytes differ from the %d of btrfs-progs", len(got), len(want))
	}
	if left := cachedBytes(t, snapshotPath(p, second)); left > onItsWay {
		t.Errorf("%d bytes were left in the page cache", left)
	}
}

// scatter rewrites every fourth block of a file.
func scatter(t *testing.T, path string, size int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	must(t, err)
	block, random := make([]byte, 4096), rand.NewChaCha8([32]byte{5})
	for at := int64(0); at < size; at += 4 * 4096 {
		_, _ = random.Read(block)
		_, err := f.WriteAt(block, at)
		must(t, err)
	}
	must(t, errors.Join(f.Sync(), f.Close()))
}

// Reading ahead gives up when no more files can be opened; the send does not.
func TestSendGoesOnWhenNothingCanBeReadAhead(t *testing.T) {
	p := newPool(t, "")
	request, _ := aheadIncrement(t, p)
	want, _ := send(t, p, request)
	var old unix.Rlimit
	must(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &old))
	t.Cleanup(func() { must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &old)) })
	few := unix.Rlimit{Cur: uint64(count(t, "/proc/self/fd")) + 40, Max: old.Max}
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &few))
	got, _ := send(t, p, request)
	if !bytes.Equal(got, want) {
		t.Error("the stream is another")
	}
}
