//go:build root

package btrfs_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
)

var taken = time.Date(2026, 11, 23, 10, 0, 0, 123_456_789, time.UTC)

func snapshot(t *testing.T, p *btrfs.Pool, s btrfs.Share, task string) btrfs.Snapshot {
	t.Helper()
	snap, err := p.Snapshot(t.Context(), s, task, taken)
	must(t, err)
	return snap
}

func TestSnapshotHoldsWhatWasWrittenAndIsListed(t *testing.T) {
	p := newPool(t, "")
	share := newShare(t, p, "photos")
	must(t, os.WriteFile(filepath.Join(p.Path(), "photos/a"), []byte("a"), 0o600))
	first := snapshot(t, p, share, "t2")
	if first.Name != "20261123T100000Z" || first.ShareUUID != share.UUID || !first.ReadOnly || first.OTransID == 0 {
		t.Errorf("snapshot is %+v", first)
	}
	got, err := os.ReadFile(filepath.Join(p.Path(), first.Path(), "a"))
	if err != nil || string(got) != "a" {
		t.Errorf("it holds %q (%v)", got, err)
	}
	want := []btrfs.Snapshot{first, snapshot(t, p, share, "t1"), snapshot(t, p, share, "t2"), snapshot(t, p, share, "t2")}
	list, err := p.Snapshots(t.Context())
	must(t, err)
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("snapshots (-want +got):\n%s", diff)
	}
	if name := list[3].Name; name != "20261123T100000.125Z" {
		t.Errorf("the third one is called %s", name)
	}
}

func TestSnapshotsOfAShareAreTakenAtOnce(t *testing.T) {
	p := newPool(t, "")
	share := newShare(t, p, "a")
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			s, err := p.Snapshot(t.Context(), share, "task", taken)
			if err == nil {
				err = p.ReleaseSnapshot(t.Context(), s, "task")
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	list, err := p.Snapshots(t.Context())
	if err != nil || len(list) != 0 {
		t.Errorf("left over: %+v (%v)", list, err)
	}
}

func TestSnapshotFindsAShareThatWasMoved(t *testing.T) {
	p := newPool(t, "")
	share := newShare(t, p, "old")
	must(t, os.Rename(filepath.Join(p.Path(), "old"), filepath.Join(p.Path(), "new")))
	newShare(t, p, "old")
	if s := snapshot(t, p, share, "task"); s.ShareUUID != share.UUID {
		t.Errorf("it is of %s, want %s", s.ShareUUID, share.UUID)
	}
}

func TestSnapshotOfAShareThatIsGoneSaysSo(t *testing.T) {
	p := newPool(t, "")
	share := newShare(t, p, "a")
	other := share
	other.UUID = btrfs.UUID{1}
	_, err := p.Snapshot(t.Context(), other, "task", taken)
	wantError(t, err, btrfs.ErrNotSubvolume)
	must(t, btrfs.DeleteByID(openDir(t, p.Path()), share.ID))
	_, err = p.Snapshot(t.Context(), share, "task", taken)
	wantError(t, err, btrfs.ErrNotSubvolume)
}

func TestSnapshotOfAShareWithASwapFileGivesETXTBSY(t *testing.T) {
	p := newPool(t, "")
	share := newShare(t, p, "a")
	newSwap(t, filepath.Join(p.Path(), "a/swap"))
	_, err := p.Snapshot(t.Context(), share, "task", taken)
	wantError(t, err, unix.ETXTBSY)
}

func TestOddSubvolumesAmongSnapshotsAreLeftOut(t *testing.T) {
	p := newPool(t, "")
	share := newShare(t, p, "a")
	snap := snapshot(t, p, share, "task")
	dir := openDir(t, filepath.Join(p.Path(), filepath.Dir(snap.Path())))
	must(t, btrfs.CreateSubvolume(dir, "mine"))
	must(t, btrfs.CreateSnapshot(dir, "20261123T110000Z", openDir(t, filepath.Join(p.Path(), "a")), false))
	list, err := p.Snapshots(t.Context())
	if err != nil || len(list) != 1 || list[0].UUID != snap.UUID {
		t.Errorf("snapshots are %+v (%v)", list, err)
	}
}

func TestDeletedSnapshotIsGoneAndItsDirectoryWithTheLast(t *testing.T) {
	p := newPool(t, "")
	share := newShare(t, p, "a")
	first, second := snapshot(t, p, share, "task"), snapshot(t, p, share, "task")
	task := filepath.Join(p.Path(), ".btrmesh/send/task")
	must(t, p.ReleaseSnapshot(t.Context(), first, "task"))
	if _, err := os.Stat(filepath.Join(task, second.Name)); err != nil {
		t.Error(err)
	}
	for range 2 {
		must(t, p.ReleaseSnapshot(t.Context(), second, "task"))
	}
	for _, dir := range []string{task, filepath.Join(p.Path(), filepath.Dir(second.Path()))} {
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s is still there", dir)
		}
	}
}
