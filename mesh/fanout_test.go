package mesh

import (
	"slices"
	"testing"
	"time"

	"btrmesh/btrfs/btrfstest"
	"btrmesh/mesh/control"
	"btrmesh/state"
)

// sends is how often m read a snapshot to send it.
func (m *member) sends() int { return m.fake.Calls(btrfstest.OpSend) }

// wantTogether checks with which tasks the newest run of task was sent.
func (m *member) wantTogether(task string, want ...string) {
	m.t.Helper()
	if got := m.last(task).Together; !slices.Equal(got, want) {
		m.t.Errorf("%s was sent with %q, want %q", task, got, want)
	}
}

// but are tasks without one.
func butTask(tasks []string, task string) []string {
	return slices.DeleteFunc(slices.Clone(tasks), func(t string) bool { return t == task })
}

func slowly(pace int) func(a *member) {
	return func(a *member) {
		a.newBigShare("photos")
		a.volume.slow(pace)
	}
}

func TestAShareIsReadOnceForAllItsTargets(t *testing.T) {
	for name, n := range map[string]int{"two": 2, "three": 3} {
		t.Run(name, func(t *testing.T) {
			fanned(t, n, 60, slowly(256<<10), func(f *fleet, a *member, to []*member, tasks []string) {
				t := f.t
				time.Sleep(12 * time.Second)
				for i, m := range to {
					m.holds(a, "photos")
					a.wantTogether(tasks[i], butTask(tasks, tasks[i])...)
				}
				if got := a.sends(); got != 1 {
					t.Errorf("the full snapshot was sent %d times", got)
				}
				a.write("photos", map[string]string{"a": blob(3, 1<<19)})
				time.Sleep(time.Minute)
				for i, m := range to {
					m.holds(a, "photos")
					a.wantHistory(tasks[i], "1 full ok", "2 incremental ok")
				}
				if got := a.sends(); got != 2 {
					t.Errorf("%d sends after the incremental ones, want 2", got)
				}
			})
		})
	}
}

func TestTargetsWithOtherBasesGetTheirOwnSends(t *testing.T) {
	trio(t, func(f *fleet, a, b, c *member) {
		t := f.t
		a.newBigShare("photos")
		first := a.add("photos", b, 60)
		time.Sleep(5 * time.Second)
		a.write("photos", map[string]string{"a": "changed"})
		second := a.add("photos", c, 60)
		a.trigger(first, false)
		time.Sleep(10 * time.Second)
		b.holds(a, "photos")
		c.holds(a, "photos")
		if a.sentRuns(first)[0].Kind == a.sentRuns(second)[0].Kind {
			t.Errorf("both are %s", a.sentRuns(first)[0].Kind)
		}
		a.wantTogether(second)
		a.write("photos", map[string]string{"a": "changed again"})
		for _, task := range []string{first, second} {
			if _, err := a.runTask(a.ctx(), control.RunTask{Task: task}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * time.Minute)
		b.holds(a, "photos")
		c.holds(a, "photos")
	})
}

// halfFanned is a source whose snapshot is half sent to n targets.
func halfFanned(t *testing.T, n int, test func(f *fleet, a *member, to []*member, tasks []string)) {
	t.Helper()
	fanned(t, n, 60, slowly(256<<10), func(f *fleet, a *member, to []*member, tasks []string) {
		time.Sleep(5 * time.Second)
		for _, task := range tasks {
			if got := a.run(state.Send, task, 1).State; got != state.Sending {
				f.t.Fatalf("the run of %s is %s", task, got)
			}
		}
		test(f, a, to, tasks)
	})
}

// othersUnharmed checks that the first runs of all but one task went on, by the
// one send there was.
func othersUnharmed(f *fleet, a *member, to []*member, tasks []string) {
	f.t.Helper()
	time.Sleep(8 * time.Second)
	for i, m := range to[1:] {
		m.holds(a, "photos")
		if got := a.history(tasks[i+1])[0]; got != "1 full ok" {
			f.t.Errorf("run of %s: %s", tasks[i+1], got)
		}
	}
}

func TestACancelledRunLeavesTheOthers(t *testing.T) {
	halfFanned(t, 3, func(f *fleet, a *member, to []*member, tasks []string) {
		if _, err := a.cancelTask(a.ctx(), control.CancelTask{Task: tasks[0]}); err != nil {
			f.t.Fatal(err)
		}
		time.Sleep(time.Second)
		a.wantHistory(tasks[0], "1 full cancelled")
		othersUnharmed(f, a, to, tasks)
		if got := a.sends(); got != 1 {
			f.t.Errorf("%d sends", got)
		}
		mended(f.t, a, to[0])
	})
}

func TestATaskDisabledNowLeavesTheOthers(t *testing.T) {
	halfFanned(t, 2, func(f *fleet, a *member, to []*member, tasks []string) {
		if _, err := a.disableTask(a.ctx(), control.DisableTask{Task: tasks[0], Now: true}); err != nil {
			f.t.Fatal(err)
		}
		othersUnharmed(f, a, to, tasks)
		a.churn("photos", 3)
		time.Sleep(20 * time.Second)
		to[1].holds(a, "photos")
	})
}

func TestATargetThatDiesLeavesTheOthers(t *testing.T) {
	halfFanned(t, 3, func(f *fleet, a *member, to []*member, tasks []string) {
		to[0].crash()
		time.Sleep(30 * time.Second)
		othersUnharmed(f, a, to, tasks)
		to[0].start()
		mended(f.t, a, to[0])
	})
}

func TestATargetThatBreaksOffLeavesTheOthers(t *testing.T) {
	fanned(t, 2, 60, slowly(256<<10), func(f *fleet, a *member, to []*member, tasks []string) {
		to[0].fake.Inject(btrfstest.Fault{Op: btrfstest.OpReceive, Err: errDeserted, Bytes: 1 << 20})
		time.Sleep(5 * time.Second)
		othersUnharmed(f, a, to, tasks)
		mended(f.t, a, to[0])
	})
}

func TestATargetThatRefusesLeavesTheOthers(t *testing.T) {
	fanned(t, 2, 60, func(a *member) {
		slowly(256 << 10)(a)
		a.fleet.nodes[1].fake.Resize(1 << 20)
	}, func(f *fleet, a *member, to []*member, tasks []string) {
		time.Sleep(3 * time.Second)
		a.wantFailure(tasks[0], control.CodeNoSpace, "") // before it is tried again
		othersUnharmed(f, a, to, tasks)
		to[0].fake.Resize(1 << 40)
		mended(f.t, a, to[0])
	})
}

func TestARemovedTargetLeavesTheOthers(t *testing.T) {
	halfFanned(t, 2, func(f *fleet, a *member, to []*member, tasks []string) {
		a.remove(to[0])
		othersUnharmed(f, a, to, tasks)
	})
}

func TestAnOfflineTargetDoesNotDelayTheOthers(t *testing.T) {
	sail(t, 3, func(f *fleet) {
		a, to := f.nodes[0], f.nodes[1:]
		for _, m := range to {
			meet(a, m)
		}
		small(a)
		tasks := a.addAll("photos", to, 60)
		time.Sleep(5 * time.Second)
		to[0].halt()
		time.Sleep(30 * time.Second)
		a.write("photos", map[string]string{"one": "changed"})
		time.Sleep(2 * time.Minute)
		for _, run := range a.sentRuns(tasks[1]) {
			if took := run.Ended.Sub(run.Started); took > 3*time.Second {
				f.t.Errorf("run %d of %s took %s", run.Number, tasks[1], took)
			}
		}
		to[1].holds(a, "photos")
		to[0].start()
		time.Sleep(time.Minute)
		to[0].holds(a, "photos")
	})
}

func TestACrashInTheMiddleOfASendToSeveralIsMended(t *testing.T) {
	halfFanned(t, 2, func(f *fleet, a *member, to []*member, tasks []string) {
		a.crash()
		a.start()
		time.Sleep(time.Minute)
		for _, m := range to {
			mended(f.t, a, m)
		}
		time.Sleep(time.Minute)
		a.wantHolds(tasks)
	})
}

func TestATaskThatRunsWhileAnotherSendsGoesByItself(t *testing.T) {
	trio(t, func(f *fleet, a, b, c *member) {
		slowly(256 << 10)(a)
		first := a.add("photos", b, 60)
		time.Sleep(3 * time.Second)
		second := a.add("photos", c, 60)
		time.Sleep(15 * time.Second)
		a.wantHistory(first, "1 full ok")
		a.wantHistory(second, "1 full ok")
		a.wantTogether(first)
		a.wantTogether(second)
		b.holds(a, "photos")
		c.holds(a, "photos")
	})
}

func TestATargetThatIsAwayForTenMinutesLeavesTheOthers(t *testing.T) {
	unraced(t)
	halfFanned(t, 3, func(f *fleet, a *member, to []*member, tasks []string) {
		f.cut(a, to[0])
		a.volume.slow(0)
		a.churn("photos", 10)
		for i, m := range to[1:] {
			m.holds(a, "photos")
			for _, r := range a.sentRuns(tasks[i+1]) {
				if took := r.Ended.Sub(r.Started); r.State != state.Done || r.Number > 1 && took > 3*time.Second {
					f.t.Errorf("run %d of %s is %s after %s", r.Number, tasks[i+1], r.State, took)
				}
			}
			if got := len(a.sentRuns(tasks[i+1])); got < 10 {
				f.t.Errorf("%d runs of %s", got, tasks[i+1])
			}
		}
		f.lose(nil)
		time.Sleep(2 * time.Minute)
		to[0].holds(a, "photos")
		if got := a.last(tasks[0]).Result; got != control.ResultOK && got != control.ResultUnchanged {
			f.t.Errorf("runs of %s: %q", tasks[0], a.history(tasks[0]))
		}
	})
}
