package mesh

import (
	"slices"
	"testing"
	"time"

	"btrmesh/btrfs"
	"btrmesh/btrfs/btrfstest"
	"btrmesh/mesh/control"
	"btrmesh/state"
)

// fanned is a source with n targets and a share with a task to each, all added at
// the same moment.
func fanned(t *testing.T, n int, every int64, prepare func(a *member), test func(f *fleet, a *member, to []*member, tasks []string)) {
	t.Helper()
	sail(t, n+1, func(f *fleet) {
		a, to := f.nodes[0], f.nodes[1:]
		for _, m := range to {
			meet(a, m)
		}
		prepare(a)
		tasks := a.addAll("photos", to, every)
		test(f, a, to, tasks)
	})
}

// addAll adds a task to each target, to begin at the same moment.
func (m *member) addAll(share string, to []*member, every int64) []string {
	m.t.Helper()
	m.switchService(false)
	var tasks []string
	for _, target := range to {
		tasks = append(tasks, m.add(share, target, every))
	}
	m.switchService(true)
	return tasks
}

func (m *member) switchService(on bool) {
	m.t.Helper()
	if _, err := m.service(m.ctx(), control.SetService{On: on}); err != nil {
		m.t.Fatal(err)
	}
}

func small(a *member) { a.newShare("photos", map[string]string{"one": "1", "two": "2"}) }

// wantHolds checks the snapshots on m, oldest first, by the tasks that hold them.
func (m *member) wantHolds(want ...[]string) {
	m.t.Helper()
	var got [][]string
	for _, s := range m.snapshots() {
		got = append(got, s.Tasks)
	}
	if !slices.EqualFunc(got, want, slices.Equal) {
		m.t.Errorf("snapshots on %s are held by %q, want %q", m.name, got, want)
	}
}

func TestTasksThatFallDueTogetherShareOneSnapshot(t *testing.T) {
	for name, n := range map[string]int{"two": 2, "three": 3} {
		t.Run(name, func(t *testing.T) {
			fanned(t, n, 60, small, func(f *fleet, a *member, to []*member, tasks []string) {
				time.Sleep(5 * time.Second)
				a.wantHolds(tasks)
				a.write("photos", map[string]string{"two": "changed"})
				time.Sleep(time.Minute)
				a.wantHolds(tasks, tasks)
				for range 3 {
					a.churn("photos", 1)
				}
				time.Sleep(30 * time.Second)
				a.wantHolds(tasks, tasks)
				for _, m := range to {
					m.holds(a, "photos")
				}
			})
		})
	}
}

func TestATaskKeepsItsBaseWhateverTheOthersLetGo(t *testing.T) {
	fanned(t, 2, 60, small, func(f *fleet, a *member, to []*member, tasks []string) {
		t := f.t
		time.Sleep(5 * time.Second)
		to[1].halt()
		a.churn("photos", 4)
		held := a.snapshots()
		if first := held[0]; !slices.Equal(first.Tasks, tasks[1:]) {
			t.Errorf("the base of %s is held by %q", tasks[1], first.Tasks)
		}
		own := slices.DeleteFunc(held, func(s btrfs.Snapshot) bool { return !s.HeldBy(tasks[0]) })
		if len(own) != 2 {
			t.Errorf("%s holds %d snapshots, keeps 2", tasks[0], len(own))
		}
		to[1].start()
		time.Sleep(3 * time.Minute)
		to[1].holds(a, "photos")
		if got := a.sentRuns(tasks[1])[len(a.sentRuns(tasks[1]))-1].Kind; got != state.Full {
			t.Errorf("the first run is %s", got)
		}
		for _, run := range a.sentRuns(tasks[1])[:3] {
			if run.Kind == state.Full {
				t.Errorf("run %d was full", run.Number)
			}
		}
	})
}

func TestACrashWhileSnapshotsAreSharedLosesNoneAndLeaksNone(t *testing.T) {
	for _, after := range []time.Duration{0, 2 * time.Millisecond, 10 * time.Millisecond, 3 * time.Second, 9 * time.Second} {
		t.Run(after.String(), func(t *testing.T) {
			fanned(t, 2, 60, func(a *member) {
				a.newBigShare("photos")
				a.volume.slow(512 << 10)
			}, func(f *fleet, a *member, to []*member, tasks []string) {
				time.Sleep(after)
				a.crash()
				a.start()
				time.Sleep(2 * time.Minute)
				for _, m := range to {
					m.holds(a, "photos")
				}
				a.churn("photos", 3)
				time.Sleep(30 * time.Second)
				for _, task := range tasks {
					own := slices.DeleteFunc(a.snapshots(), func(s btrfs.Snapshot) bool { return !s.HeldBy(task) })
					if len(own) != 2 {
						f.t.Errorf("%s holds %d snapshots, keeps 2", task, len(own))
					}
				}
			})
		})
	}
}

func TestASnapshotThatCannotBeHeldIsReplacedByAnOwnOne(t *testing.T) {
	fanned(t, 2, 60, func(a *member) {
		small(a)
		a.fake.Inject(fault(btrfstest.OpHoldSnapshot))
	}, func(f *fleet, a *member, to []*member, tasks []string) {
		time.Sleep(5 * time.Second)
		for i, m := range to {
			m.holds(a, "photos")
			a.wantHistory(tasks[i], "1 full ok")
		}
	})
}

func TestWhatFitsARunIsDecidedByWhenItBegan(t *testing.T) {
	at := time.Unix(1000, 0)
	last := take{began: at, tasks: []string{"a"}}
	for name, c := range map[string]struct {
		take       take
		task       string
		began, now time.Duration
		want       fit
	}{
		"none yet":                 {take{}, "b", 0, 0, fitsNot},
		"taken since it began":     {last, "b", -time.Second, 5 * time.Second, fits},
		"taken as it began":        {last, "b", 0, 0, fits},
		"taken just before":        {last, "b", time.Millisecond, time.Second, fitsUnchanged},
		"taken long before":        {last, "b", time.Millisecond, 3 * time.Second, fitsNot},
		"of an earlier run of its": {last, "a", time.Millisecond, time.Second, fitsNot},
	} {
		if got, why := c.take.fits(c.task, at.Add(c.began), at.Add(c.now)); got != c.want {
			t.Errorf("%s: %d (%s), want %d", name, got, why, c.want)
		}
	}
}
