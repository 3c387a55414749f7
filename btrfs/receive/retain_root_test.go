//go:build root

package receive_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
	"btrmesh/btrfs/btrfstest"
	"btrmesh/btrfs/receive"
)

// replaced is how many bytes of a retained snapshot no other one has.
const replaced = 20 << 20

// retained is a site whose target holds three snapshots, each with data of its
// own.
type retained struct {
	*site
	snaps []btrfs.Snapshot
}

func newRetained(t *testing.T, prepare func(pool string)) *retained {
	t.Helper()
	r := &retained{site: newSite(t, btrfstest.PoolOptions{}, btrfstest.PoolOptions{Size: 512 << 20})}
	prepare(r.pool.Path())
	must(t, r.pool.Lock())
	for range 3 {
		r.next(t, replaced)
		r.receive(t, formatV1, r.last(0), r.last(1))
	}
	return r
}

// next takes a snapshot of other data than all before.
func (r *retained) next(t *testing.T, size int) {
	t.Helper()
	must(t, os.RemoveAll(filepath.Join(r.dir(), "d")))
	must(t, os.Mkdir(filepath.Join(r.dir(), "d"), 0o755))
	must(t, btrfstest.Fill(filepath.Join(r.dir(), "d"), 10, size/10, size/10, uint64(len(r.snaps)+1)))
	r.snaps = append(r.snaps, r.snapshot(t))
}

// last is the newest snapshot but n, the zero Snapshot before the first.
func (r *retained) last(n int) btrfs.Snapshot {
	if n >= len(r.snaps) {
		return btrfs.Snapshot{}
	}
	return r.snaps[len(r.snaps)-1-n]
}

// wantFreed wants a receive to fail for want of room, and to succeed once
// retention has deleted the oldest snapshot and the space has come back.
func (r *retained) wantFreed(t *testing.T, errno unix.Errno) {
	t.Helper()
	r.next(t, replaced/2)
	spec, stream := r.spec(r.last(0), r.last(1)), r.send(t, formatV1, r.last(0), r.last(1))
	if _, err := r.target.Receive(t.Context(), spec, bytes.NewReader(stream)); !errors.Is(err, errno) {
		t.Fatalf("%v, want %v of the receive", err, errno)
	}
	r.wantNothingStaged(t)
	replica := r.replica(t)
	must(t, r.target.Delete(t.Context(), replica, replica.Snapshots[0]))
	if _, err := os.Stat(filepath.Join(replica.Path, replica.Snapshots[0].Dir)); !os.IsNotExist(err) {
		t.Errorf("directory of the deleted snapshot: %v", err)
	}
	eventually(t, "the next receive finds room", func() bool {
		progs(t, "filesystem", "sync", r.pool.Path()) // wakes the cleaner
		_, err := r.target.Receive(t.Context(), spec, bytes.NewReader(stream))
		if err != nil && !errors.Is(err, errno) {
			t.Fatal(err)
		}
		return err == nil
	})
	r.wantSound(t, r.snaps[1:]...)
	wantSame(t, r.at(r.last(0)), r.latest(t))
}

// wantSound wants those snapshots and no others, all without a problem.
func (r *retained) wantSound(t *testing.T, want ...btrfs.Snapshot) {
	t.Helper()
	have := r.replica(t).Snapshots
	same := slices.EqualFunc(have, want, func(h receive.Received, w btrfs.Snapshot) bool {
		return h.Snapshot == w.UUID && h.Problem == "" && h.ReadOnly
	})
	if !same {
		t.Errorf("the replica holds %+v, want %d sound snapshots", have, len(want))
	}
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for began := time.Now(); !is(); <-time.After(time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// quotas are ways to limit what a pool holds.
var quotas = map[string]struct {
	enable func(t *testing.T, pool string)
	group  string
}{
	"simple quota of all":           {enableSimple, "1/1"},
	"simple quota of the top level": {enableSimple, "0/5"},
	"quota groups, of all":          {enableGroups, "1/1"},
	"quota groups, the top level":   {enableGroups, "0/5"},
}

func enableSimple(t *testing.T, pool string) {
	t.Helper()
	must(t, btrfstest.EnableSimpleQuota(pool))
	progs(t, "qgroup", "create", "1/1", pool)
	progs(t, "qgroup", "assign", "0/5", "1/1", pool) // subvolumes made in there follow
}

func enableGroups(t *testing.T, pool string) {
	t.Helper()
	progs(t, "quota", "enable", pool)
	progs(t, "qgroup", "create", "1/1", pool)
	progs(t, "qgroup", "assign", "0/5", "1/1", pool)
}

// joinAll puts all subvolumes into the group 1/1, which simple quotas do by
// themselves.
func joinAll(t *testing.T, pool string) {
	t.Helper()
	for line := range strings.Lines(progs(t, "subvolume", "list", pool)) {
		progs(t, "qgroup", "assign", "--no-rescan", "0/"+strings.Fields(line)[1], "1/1", pool)
	}
	progs(t, "quota", "rescan", "-w", pool)
}

// quotaField is a column of what the quota group has, after its id.
func quotaField(t *testing.T, pool, group string, column int) string {
	t.Helper()
	for line := range strings.Lines(progs(t, "qgroup", "show", "--raw", "--sync", "-re", pool)) {
		if fields := strings.Fields(line); len(fields) > column && fields[0] == group {
			return fields[column]
		}
	}
	t.Fatalf("there is no group %s", group)
	return ""
}

func TestRetentionFreesAQuotaThatIsUsedUp(t *testing.T) {
	for name, quota := range quotas {
		t.Run(name, func(t *testing.T) {
			r := newRetained(t, func(pool string) { quota.enable(t, pool) })
			pool := r.pool.Path()
			if strings.HasPrefix(name, "quota groups") {
				joinAll(t, pool)
			}
			limit := quotaField(t, pool, quota.group, 1)
			progs(t, "qgroup", "limit", limit, quota.group, pool)
			if quota.group == "0/5" { // it counts no data: nothing that comes or goes frees it
				replica := r.replica(t)
				must(t, r.target.Delete(t.Context(), replica, replica.Snapshots[0]))
				r.wantSound(t, r.snaps[1:]...)
			} else {
				r.wantFreed(t, unix.EDQUOT)
			}
			if got := quotaField(t, pool, quota.group, 3); got != limit {
				t.Errorf("the limit is %s now, want %s", got, limit)
			}
		})
	}
}

// Everything is full: the data, the metadata, and all of the device.
func TestRetentionFreesAPoolWithoutRoomForMetadata(t *testing.T) {
	r := newRetained(t, func(string) {})
	ballast := filepath.Join(r.pool.Path(), "ballast")
	must(t, os.Mkdir(ballast, 0o700))
	r.fillData(t, filepath.Join(ballast, "data"))
	fillMetadata(t, ballast)
	r.next(t, replaced/2)
	spec, stream := r.spec(r.last(0), r.last(1)), r.send(t, formatV1, r.last(0), r.last(1))
	if _, err := r.target.Receive(t.Context(), spec, bytes.NewReader(stream)); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("%v, want ENOSPC of the receive", err)
	}
	replica := r.replica(t)
	must(t, r.target.Delete(t.Context(), replica, replica.Snapshots[0]))
	r.wantSound(t, r.snaps[1:3]...)
	_, err := r.target.Sweep(t.Context())
	must(t, err)
	r.wantNothingStaged(t)
	must(t, os.RemoveAll(ballast))
	must(t, r.pool.SyncFS())
	r.receiveStream(t, spec, stream)
	r.wantSound(t, r.snaps[1:]...)
}

// fillData makes a file of all the room there is for data.
func (r *retained) fillData(t *testing.T, path string) {
	t.Helper()
	space, err := r.pool.Space()
	must(t, err)
	file, err := os.Create(path)
	must(t, err)
	var at int64
	for size := int64(space.Free); size >= 1<<16; size /= 2 {
		if err := unix.Fallocate(int(file.Fd()), 0, at, size); err == nil {
			at += size
		}
	}
	must(t, file.Close())
}

func TestRetentionFreesAFullPool(t *testing.T) {
	r := newRetained(t, func(string) {})
	ballast, err := os.Create(filepath.Join(r.pool.Path(), "ballast"))
	must(t, err)
	space, err := r.pool.Space()
	must(t, err)
	must(t, errors.Join(unix.Fallocate(int(ballast.Fd()), 0, 0, int64(space.Free-4<<20)), ballast.Close()))
	r.wantFreed(t, unix.ENOSPC)
}

// fillMetadata makes links until there is no room for one more.
func fillMetadata(t *testing.T, dir string) {
	t.Helper()
	for size := 4000; size > 0; size /= 8 {
		for i, err := 0, error(nil); err == nil; i++ {
			err = os.Symlink(strings.Repeat("x", size), filepath.Join(dir, fmt.Sprint(size, "-", i)))
			if err != nil && !errors.Is(err, unix.ENOSPC) {
				t.Fatal(err)
			}
		}
	}
}

// checkpoints are read-only: nothing in them can be unlinked.
func TestSweepRemovesCheckpointsWhereAQuotaIsUsedUp(t *testing.T) {
	r := newRetained(t, func(pool string) { enableSimple(t, pool) })
	pool := r.pool.Path()
	incoming, err := r.pool.Dir("incoming", "left")
	must(t, err)
	defer func() { must(t, incoming.Close()) }()
	must(t, btrfs.CreateSubvolume(incoming, "data"))
	must(t, btrfstest.Fill(filepath.Join(incoming.Name(), "data"), 10, 1<<20, 1<<20, 9))
	data, err := os.Open(filepath.Join(incoming.Name(), "data"))
	must(t, err)
	must(t, btrfs.CreateSnapshot(incoming, "ck", data, true))
	must(t, data.Close())
	progs(t, "qgroup", "limit", quotaField(t, pool, "1/1", 1), "1/1", pool)
	done, err := r.target.Sweep(t.Context())
	if err != nil || len(done) != 1 {
		t.Errorf("sweep did %q, %v", done, err)
	}
	r.wantNothingStaged(t)
}

func TestSourceSnapshotIsReleasedWhereAQuotaIsUsedUp(t *testing.T) {
	for name, enable := range map[string]func(*testing.T, string){"simple": enableSimple, "groups": enableGroups} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, btrfstest.PoolOptions{}, btrfstest.PoolOptions{})
			pool := s.source.Path()
			enable(t, pool)
			must(t, s.source.Lock())
			must(t, btrfstest.Fill(s.dir(), 10, 1<<20, 1<<20, 1))
			old, last := s.snapshot(t), s.snapshot(t)
			if name == "groups" {
				joinAll(t, pool)
			}
			progs(t, "qgroup", "limit", quotaField(t, pool, "1/1", 1), "1/1", pool)
			must(t, s.source.ReleaseSnapshot(t.Context(), old, "task"))
			left, err := s.source.Snapshots(t.Context())
			if err != nil || len(left) != 1 || left[0].UUID != last.UUID {
				t.Errorf("left %+v, %v", left, err)
			}
		})
	}
}
