package mesh

import (
	"testing"
	"time"

	"btrmesh/btrfs/btrfstest"
)

// TestASlowTargetFallsBehindAndGoesOnByItself has a share that is longer than a
// feed keeps for a slow session.
func TestASlowTargetFallsBehindAndGoesOnByItself(t *testing.T) {
	unraced(t)
	fanned(t, 2, 600, func(a *member) {
		a.newShare("photos", map[string]string{"a": blob(1, 96<<20)})
		a.volume.slow(24 << 20)
		a.fleet.nodes[2].volume.slow(512 << 10)
	}, func(f *fleet, a *member, to []*member, tasks []string) {
		t := f.t
		time.Sleep(20 * time.Second)
		to[0].holds(a, "photos")
		a.wantHistory(tasks[0], "1 full ok")
		time.Sleep(5 * time.Minute)
		to[1].holds(a, "photos")
		a.wantHistory(tasks[1], "1 full ok")
		run := a.last(tasks[1])
		if run.ApartBytes == 0 || run.ApartBytes >= run.SentBytes {
			t.Errorf("it was sent separately from byte %d of %d on", run.ApartBytes, run.SentBytes)
		}
		if got := a.fake.Calls(btrfstest.OpSend); got != 2 {
			t.Errorf("%d sends", got)
		}
	})
}
