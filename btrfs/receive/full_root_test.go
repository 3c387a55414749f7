//go:build root

package receive_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
	"btrmesh/btrfs/btrfstest"
)

// fullPool is a site whose target has no room for the second snapshot.
type fullPool struct {
	*site
	first, second btrfs.Snapshot
}

// room is what a full pool has left, in bytes; the second snapshot needs more
// than twice that.
const room = 48 << 20

func newFullPool(t *testing.T) *fullPool {
	t.Helper()
	f := &fullPool{site: newSite(t, btrfstest.PoolOptions{}, btrfstest.PoolOptions{Size: 1 << 30})}
	must(t, btrfstest.Mutate(f.dir(), 1, 100))
	f.first = f.snapshot(t)
	f.receive(t, formatV1, f.first, btrfs.Snapshot{})
	must(t, btrfstest.Fill(f.dir(), 50, 2<<20, 3<<20, 1))
	f.second = f.snapshot(t)
	return f
}

// wantFull receives the second snapshot into what has no room for it, with
// checkpoints on the way: they must not keep what was applied.
func (f *fullPool) wantFull(t *testing.T, errno unix.Errno) {
	t.Helper()
	f.target.SetPace(1<<20, 0)
	spec, stream := f.rest(t, formatV1, f.second, f.first)
	_, err := f.target.Receive(t.Context(), spec, bytes.NewReader(stream))
	if !errors.Is(err, errno) || !strings.HasPrefix(err.Error(), "receive photos from nas-a: ") {
		t.Fatalf("%v, want %v of the receive", err, errno)
	}
	f.wantNothingStaged(t)
	if got := f.replica(t).Snapshots; len(got) != 1 || got[0].Problem != "" {
		t.Errorf("visible afterwards: %+v", got)
	}
	wantSame(t, f.at(f.first), f.latest(t))
}

// wantRoom waits for what deleted subvolumes took: all of it but a little
// metadata.
func (f *fullPool) wantRoom(t *testing.T, used func() bool) {
	t.Helper()
	began := time.Now()
	for used() {
		if time.Since(began) > time.Minute {
			t.Fatal("the space of the unfinished snapshot did not come back")
		}
		progs(t, "filesystem", "sync", f.pool.Path()) // wakes the cleaner
		<-time.After(50 * time.Millisecond)
	}
}

// space is how many bytes are free at the target.
func (f *fullPool) space(t *testing.T) uint64 {
	t.Helper()
	space, err := f.pool.Space()
	must(t, err)
	return space.Free
}

// wantSecond goes on now that there is room.
func (f *fullPool) wantSecond(t *testing.T) {
	t.Helper()
	got := f.finish(t, formatV1, f.second, f.first)
	if got.ResumedBytes != 0 {
		t.Errorf("resumed at %d, though nothing was kept", got.ResumedBytes)
	}
}

func progs(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "btrfs", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("btrfs %v: %v\n%s", args, err, out)
	}
	return string(out)
}

func TestFullPoolLeavesNothing(t *testing.T) {
	f := newFullPool(t)
	ballast := filepath.Join(f.pool.Path(), "ballast")
	file, err := os.Create(ballast)
	must(t, err)
	must(t, errors.Join(unix.Fallocate(int(file.Fd()), 0, 0, int64(f.space(t)-room)), file.Close()))
	f.wantFull(t, unix.ENOSPC)
	f.wantRoom(t, func() bool { return f.space(t) < room-reserve })
	must(t, os.Remove(ballast))
	f.wantSecond(t)
}

// reserve is what a pool keeps for deleting once there is room for it.
const reserve = 4 << 20

func TestReachedQuotaLeavesNothing(t *testing.T) {
	f := newFullPool(t)
	pool := f.pool.Path()
	must(t, btrfstest.EnableSimpleQuota(pool))
	progs(t, "qgroup", "create", "1/1", pool)
	progs(t, "qgroup", "assign", "0/5", "1/1", pool) // subvolumes made in there follow
	progs(t, "qgroup", "limit", fmt.Sprint(room), "1/1", pool)
	f.wantFull(t, unix.EDQUOT)
	f.wantRoom(t, func() bool { return f.charged(t) > reserve+1<<20 })
	progs(t, "qgroup", "limit", "none", "1/1", pool)
	f.wantSecond(t)
}

// charged is how many bytes count as used by the group 1/1.
func (f *fullPool) charged(t *testing.T) (bytes uint64) {
	t.Helper()
	for line := range strings.Lines(progs(t, "qgroup", "show", "--raw", f.pool.Path())) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "1/1" {
			_, err := fmt.Sscan(fields[1], &bytes)
			must(t, err)
			return bytes
		}
	}
	t.Fatal("there is no group 1/1")
	return 0
}
