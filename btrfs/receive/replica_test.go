package receive

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"btrmesh/btrfs"
)

// at is a sound snapshot that was received at a second.
func at(second int64, source, share string) Received {
	return Received{
		Sidecar: Sidecar{Source: source, Share: share, Snapshot: btrfs.UUID{byte(second)}, Received: time.Unix(second, 0)},
		Dir:     time.Unix(second, 0).UTC().String(),
	}
}

func broken(r Received) Received {
	r.Problem = "broken"
	return r
}

func TestNewestIsTheLastSoundSnapshot(t *testing.T) {
	sound, bad := at(1, "a", "s"), broken(at(2, "a", "s"))
	for name, c := range map[string]struct {
		snapshots []Received
		want      int
	}{
		"none":            {nil, -1},
		"one":             {[]Received{sound}, 0},
		"all sound":       {[]Received{sound, sound, sound}, 2},
		"last broken":     {[]Received{sound, sound, bad}, 1},
		"all broken":      {[]Received{bad, bad}, 1},
		"only the oldest": {[]Received{sound, bad, bad}, 0},
	} {
		if got := newest(c.snapshots); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestCommitsStayInOrderWhenTheClockGoesBack(t *testing.T) {
	now := time.Unix(100, 0)
	for name, c := range map[string]struct {
		last int64
		want time.Time
	}{
		"clock went on":   {99, now},
		"same moment":     {100, now.Add(time.Microsecond)},
		"clock went back": {5000, time.Unix(5000, 0).Add(time.Microsecond)},
	} {
		if got := after([]Received{at(c.last, "a", "s")}, now); !got.Equal(c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestSnapshotsAreGroupedByIdentityNotByPath(t *testing.T) {
	mine, theirs, lost := at(1, "a", "s"), at(2, "b", "s"), broken(Received{Dir: "lost"})
	got := group("/path", place{"nas", "s"}, []Received{lost, mine, theirs, mine})
	want := []Replica{
		{Source: "a", Share: "s", Path: "/path", Snapshots: []Received{lost, mine, mine}},
		{Source: "b", Share: "s", Path: "/path", Snapshots: []Received{theirs}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestReplicaWithoutASidecarIsNamedByItsPath(t *testing.T) {
	lost := broken(Received{Dir: "lost"})
	got := group("/path", place{"nas", "home%2Fann"}, []Received{lost})
	want := []Replica{{SourceName: "nas", Share: "home%2Fann", Path: "/path", Snapshots: []Received{lost}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
