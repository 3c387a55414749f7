package mesh

import (
	"testing"
	"time"

	"btrmesh/mesh/control"
	"btrmesh/state"
)

// halfSent is a couple whose first run, of 2 MiB and 8 s, is half sent.
func halfSent(t *testing.T, every int64, test func(f *fleet, a, b *member, task string)) {
	t.Helper()
	underWay(t, every, state.Sending, func(a, _ *member) { a.volume.slow(256 << 10) }, test)
}

// allSent is a couple whose first run has been sent and is half applied.
func allSent(t *testing.T, every int64, test func(f *fleet, a, b *member, task string)) {
	t.Helper()
	underWay(t, every, state.Committing, func(_, b *member) { b.volume.slow(256 << 10) }, test)
}

func underWay(t *testing.T, every int64, want state.RunState, slow func(a, b *member), test func(f *fleet, a, b *member, task string)) {
	t.Helper()
	sail(t, 2, func(f *fleet) {
		t := f.t
		a, b := f.nodes[0], f.nodes[1]
		meet(a, b)
		a.newBigShare("photos")
		slow(a, b)
		task := a.add("photos", b, every)
		time.Sleep(5 * time.Second)
		if here, there := a.run(state.Send, task, 1).State, b.run(state.Receive, task, 1).State; here != want || there != state.Sending {
			t.Fatalf("the run is %s on the source, %s on the target", here, there)
		}
		test(f, a, b, task)
	})
}

// mended checks that the share is on b within two minutes, by nobody's help, and
// that both know how every run ended.
func mended(t *testing.T, a, b *member) {
	t.Helper()
	for range 24 {
		if len(b.committed(a, "photos")) > 0 && len(a.recorded().open)+len(b.recorded().open) == 0 {
			break
		}
		time.Sleep(5 * time.Second)
	}
	time.Sleep(time.Second)
	b.holds(a, "photos")
	if got := len(b.committed(a, "photos")); got != 1 {
		t.Errorf("%d snapshots in the replica, want 1", got)
	}
}

func theSource(a, _ *member) *member { return a }

func theTarget(_, b *member) *member { return b }

// mendedAfter checks that a couple is mended after what happened in mid-run.
func mendedAfter(t *testing.T, every int64, happen func(a, b *member)) {
	t.Helper()
	halfSent(t, every, func(f *fleet, a, b *member, _ string) {
		happen(a, b)
		mended(f.t, a, b)
	})
}

// crashed checks that a couple is mended after the crash of one for five seconds
// in mid-run, and how the first run ended.
func crashed(t *testing.T, who func(a, b *member) *member) {
	t.Helper()
	halfSent(t, 60, func(f *fleet, a, b *member, task string) {
		m := who(a, b)
		m.crash()
		time.Sleep(5 * time.Second)
		m.start()
		mended(f.t, a, b)
		if got := a.history(task)[0]; got != "1 full failed" {
			f.t.Errorf("first run: %s", got)
		}
	})
}

func TestACrashOfTheTargetInMidRunIsMended(t *testing.T) {
	crashed(t, theTarget)
}

func TestACrashOfTheSourceInMidRunIsMended(t *testing.T) {
	crashed(t, theSource)
}

func TestACrashOfBothInMidRunIsMended(t *testing.T) {
	mendedAfter(t, 60, func(a, b *member) {
		a.crash()
		b.crash()
		time.Sleep(5 * time.Second)
		a.start()
		time.Sleep(20 * time.Second)
		b.start()
	})
}

func TestACrashOfTheSourceIsMendedSoonWhateverTheFrequency(t *testing.T) {
	mendedAfter(t, 86400, func(a, _ *member) {
		a.crash()
		a.start()
	})
}

func TestACrashOfTheTargetIsMendedSoonWhateverTheFrequency(t *testing.T) {
	mendedAfter(t, 86400, func(_, b *member) {
		b.crash()
		b.start()
	})
}

func TestARestartOfTheSourceInMidRunIsMendedSoonWhateverTheFrequency(t *testing.T) {
	mendedAfter(t, 86400, func(a, _ *member) { a.restart() })
}

func TestARestartOfTheTargetInMidRunIsMended(t *testing.T) {
	mendedAfter(t, 60, func(_, b *member) { b.restart() })
}

func TestACrashAfterAllWasSentIsMended(t *testing.T) {
	for who, name := range []string{"source", "target"} {
		t.Run(name, func(t *testing.T) {
			allSent(t, 60, func(f *fleet, a, b *member, _ string) {
				t := f.t
				f.nodes[who].crash()
				f.nodes[who].start()
				mended(t, a, b)
			})
		})
	}
}

func TestACrashAtAnyPointOfARunIsMended(t *testing.T) {
	for _, after := range []time.Duration{0, 3 * time.Second, 9 * time.Second} {
		for who, name := range []string{"source", "target"} {
			t.Run(name+" after "+after.String(), func(t *testing.T) {
				sail(t, 2, func(f *fleet) {
					t := f.t
					a, b := f.nodes[0], f.nodes[1]
					meet(a, b)
					a.newBigShare("photos")
					a.volume.slow(512 << 10)
					b.volume.slow(256 << 10)
					a.add("photos", b, 60)
					time.Sleep(after)
					f.nodes[who].crash()
					f.nodes[who].start()
					mended(t, a, b)
				})
			})
		}
	}
}

func TestWhatACrashLeftInStagingIsSweptAtTheStart(t *testing.T) {
	couple(t, 60, func(f *fleet, _, b *member, _ string) {
		t := f.t
		if err := b.fake.LeaveStaging("run-7"); err != nil {
			t.Fatal(err)
		}
		b.restart()
		if left, err := b.fake.Sweep(b.ctx()); len(left) > 0 || err != nil {
			t.Errorf("staging holds %v, %v", left, err)
		}
	})
}

func TestASweepThatFailsDoesNotKeepThePoolOut(t *testing.T) {
	couple(t, 60, func(f *fleet, a, b *member, task string) {
		t := f.t
		b.halt()
		b.fake.Inject(fault("Sweep"))
		b.start()
		time.Sleep(50 * time.Second)
		b.holds(a, "photos")
		if got := a.last(task).Result; got != control.ResultOK && got != control.ResultUnchanged {
			t.Errorf("newest run is %s", got)
		}
	})
}

func TestTheQuestionAboutACutRunIsNoFailureOnTheTarget(t *testing.T) {
	halfSent(t, 60, func(f *fleet, a, b *member, _ string) {
		a.restart()
		mended(f.t, a, b)
		if b.said("code=no_parent") {
			f.t.Error("it is logged as one")
		}
	})
}
