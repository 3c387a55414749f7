package mesh

import (
	"slices"
	"testing"
	"time"

	"btrmesh/mesh/control"
)

// purged is a fleet of six in which the first one, which let all others in,
// removed four of them, which is too much at the fourth.
func purged(t *testing.T, test func(f *fleet, by, fourth *member)) {
	t.Helper()
	sail(t, 6, func(f *fleet) {
		by := f.nodes[0]
		for _, m := range f.nodes[1:] {
			by.admit(m)
		}
		f.wantCrew(2*time.Second, f.nodes, f.nodes...)
		for _, m := range f.nodes[1:5] {
			by.remove(m)
			time.Sleep(within)
		}
		test(f, by, f.nodes[4])
	})
}

func TestMoreThanHalfRemovedByOneIsHeldUntilAPersonDecides(t *testing.T) {
	purged(t, func(f *fleet, by, fourth *member) {
		t := f.t
		a := f.nodes[5]
		f.wantCrew(0, []*member{a, fourth}, a, fourth, by)
		f.wantCrew(0, []*member{by}, a, by)
		a.wantWarning(control.Degraded, "nas-a removes 1 of 3 appliances at once: nas-e. That is held here until you decide.")
		a.restart()
		f.wantCrew(0, []*member{a}, a, fourth, by)
		a.wantWarning(control.Degraded, "nas-a removes 1 of 3 appliances at once: nas-e.")
		if change := a.removeAs(control.RemoveAppliance{Appliance: "nas-e"}); !slices.Equal(change.Decided, []string{"nas-a"}) {
			t.Errorf("removed: %+v", change)
		}
		f.wantCrew(0, []*member{a}, a, by)
		a.wantNoHold()
		fourth.wantTold(20*time.Second, by)
	})
}

func TestAHeldRemovalThatIsRefusedStaysRefused(t *testing.T) {
	purged(t, func(f *fleet, by, fourth *member) {
		t := f.t
		a := f.nodes[5]
		if change := a.keep(fourth); !slices.Equal(change.Decided, []string{"nas-a"}) {
			t.Errorf("kept: %+v", change)
		}
		a.wantNoHold()
		a.restart()
		f.wantCrew(0, []*member{a}, a, fourth, by)
		a.wantNoHold()
		if change := a.keep(fourth); !change.Unchanged {
			t.Errorf("kept again: %+v", change)
		}
		a.remove(by)
		f.wantCrew(within, []*member{a, fourth}, a, fourth)
	})
}

func (m *member) wantNoHold() {
	m.t.Helper()
	if held := m.overview().Held; len(held) > 0 {
		m.t.Errorf("%s holds %+v", m.name, held)
	}
}

// TestTheFounderAndAnotherThatRemoveEachOtherLeaveTheRestToDecide has the two do so
// during a partition. Without both nobody but the founder's side would be left, so
// that side holds what it hears later.
func TestTheFounderAndAnotherThatRemoveEachOtherLeaveTheRestToDecide(t *testing.T) {
	crewed(t, 6, func(f *fleet) {
		a, b := f.nodes[0], f.nodes[1]
		near, far := []*member{f.nodes[2], f.nodes[4]}, []*member{f.nodes[3], f.nodes[5]}
		f.part(append(near, a), append(far, b))
		time.Sleep(30 * time.Second)
		a.remove(b)
		b.remove(a)
		time.Sleep(time.Minute)
		f.lose(nil)
		f.wantCrew(time.Minute, far, f.but(a, b)...)
		for _, m := range near { // which count the same members before they hear of it and after
			f.soon(time.Minute, m.name+" hears of it", func() bool { return len(m.overview().Held) > 0 })
			m.wantWarning(control.Degraded, "nas-b removes 1 of 5 appliances at once: nas-a. That is held here until you decide.")
		}
		f.wantCrew(0, near, f.but(b)...)
		near[0].remove(a) // which is news for the other one, and not too much
		rest := append(near, far...)
		f.wantCrew(within, rest, rest...)
		f.wantOneTruth(time.Minute, rest...)
	})
}
