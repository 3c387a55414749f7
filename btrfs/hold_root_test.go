//go:build root

package btrfs_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"btrmesh/btrfs"
)

// hold is where the hold of a task on s is.
func hold(p *btrfs.Pool, s btrfs.Snapshot, task string) string {
	return filepath.Join(p.Path(), ".btrmesh/send", task, s.Name)
}

func tasksOf(t *testing.T, p *btrfs.Pool, s btrfs.Snapshot) []string {
	t.Helper()
	list, err := p.Snapshots(t.Context())
	must(t, err)
	for _, found := range list {
		if found.UUID == s.UUID {
			return found.Tasks
		}
	}
	return nil
}

func wantTasks(t *testing.T, p *btrfs.Pool, s btrfs.Snapshot, want ...string) {
	t.Helper()
	if got := tasksOf(t, p, s); !slices.Equal(got, want) {
		t.Errorf("%s is held by %q, want %q", s.Name, got, want)
	}
}

func TestAHoldIsALinkToTheSnapshot(t *testing.T) {
	p := newPool(t, "")
	share := newShare(t, p, "a")
	must(t, os.WriteFile(filepath.Join(p.Path(), "a/file"), []byte("x"), 0o600))
	snap := snapshot(t, p, share, "one")
	must(t, p.HoldSnapshot(t.Context(), snap, "two"))
	for _, task := range []string{"one", "two"} {
		if got, err := os.ReadFile(filepath.Join(hold(p, snap, task), "file")); err != nil || string(got) != "x" {
			t.Errorf("by the hold of %s one reads %q, %v", task, got, err)
		}
	}
}

func TestACrashWhileASnapshotIsTakenOrReleasedLeavesALinkThatIsSwept(t *testing.T) {
	p := newPool(t, "")
	share := newShare(t, p, "a")
	kept, gone := snapshot(t, p, share, "one"), snapshot(t, p, share, "one")
	must(t, p.HoldSnapshot(t.Context(), gone, "two"))
	must(t, btrfs.DeleteByID(openDir(t, p.Path()), gone.ID)) // before its links were removed
	swept, err := p.SweepSnapshots(t.Context())
	if want := []string{"send/one/" + gone.Name, "send/two/" + gone.Name}; err != nil || !slices.Equal(swept, want) {
		t.Errorf("swept %q, %v, want %q", swept, err, want)
	}
	wantTasks(t, p, kept, "one")
	if _, err := os.Stat(filepath.Join(p.Path(), ".btrmesh/send/two")); err == nil {
		t.Error("the directory of a task without snapshots is still there")
	}
	if swept, err := p.SweepSnapshots(t.Context()); err != nil || len(swept) > 0 {
		t.Errorf("swept again: %q, %v", swept, err)
	}
}

func TestAReleaseThatWasCutIsDoneAgain(t *testing.T) {
	p := newPool(t, "")
	share := newShare(t, p, "a")
	snap := snapshot(t, p, share, "one")
	must(t, btrfs.DeleteByID(openDir(t, p.Path()), snap.ID))
	must(t, p.ReleaseSnapshot(t.Context(), snap, "one"))
	if _, err := os.Lstat(hold(p, snap, "one")); err == nil {
		t.Error("the link is still there")
	}
}

func TestForeignLinksAreNoHoldsAndAreNotFollowed(t *testing.T) {
	p := newPool(t, "")
	share := newShare(t, p, "a")
	snap := snapshot(t, p, share, "one")
	outside := t.TempDir()
	must(t, os.WriteFile(filepath.Join(outside, "file"), nil, 0o600))
	evil := filepath.Join(p.Path(), ".btrmesh/send/evil")
	must(t, os.Mkdir(evil, 0o700))
	for name, target := range map[string]string{
		snap.Name:              outside,
		"20261123T100001Z":     "../../snapshots/" + share.UUID.String() + "/" + snap.Name,
		"20261123T100002Z":     "../../snapshots/../../a",
		"20261123T100003Z":     "../../snapshots/" + share.UUID.String() + "/../20261123T100003Z",
		"20261123T100004Z":     "/" + p.Path(),
		"20261123T100005.000Z": "20261123T100005.000Z",
	} {
		must(t, os.Symlink(target, filepath.Join(evil, name)))
	}
	must(t, os.Symlink(outside, filepath.Join(p.Path(), ".btrmesh/send/away")))
	wantTasks(t, p, snap, "one")
	if swept, err := p.SweepSnapshots(t.Context()); err != nil || len(swept) > 0 {
		t.Errorf("swept %q, %v", swept, err)
	}
	must(t, p.ReleaseSnapshot(t.Context(), snap, "evil"))
	if err := p.HoldSnapshot(t.Context(), snap, "evil"); err == nil {
		t.Error("a link that leads away passed for a hold")
	}
	wantTasks(t, p, snap, "one")
	if _, err := os.Stat(filepath.Join(outside, "file")); err != nil {
		t.Error(err)
	}
}

func TestReleaseSparesWhatIsNoSnapshotOfOurs(t *testing.T) {
	p := newPool(t, "")
	share := newShare(t, p, "a")
	snap := snapshot(t, p, share, "one")
	forged := snap
	forged.ID, forged.UUID = share.ID, share.UUID
	if err := p.ReleaseSnapshot(t.Context(), forged, "one"); err == nil {
		t.Error("the share passed for a snapshot")
	}
	if _, err := p.Share(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	wantTasks(t, p, snap, "one")
}
