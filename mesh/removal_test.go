package mesh

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"btrmesh/certs"
	"btrmesh/mesh/control"
	"btrmesh/state"
)

// within is how soon a removal is known to all that can be reached.
const within = 5 * time.Second

func TestARemovalByAnyMemberIsKnownToAllWithinSeconds(t *testing.T) {
	for by := range 4 {
		t.Run(fmt.Sprintf("nas-%c", 'a'+by), func(t *testing.T) {
			crewed(t, 5, func(f *fleet) {
				gone, rest := f.nodes[4], f.nodes[:4]
				rest[by].remove(gone)
				f.wantCrew(within, rest, rest...)
				gone.wantTold(20*time.Second, rest[by])
				for _, m := range rest {
					if m.sees(gone) != control.Removed {
						f.t.Errorf("nas-e is %s for %s", m.sees(gone), m.name)
					}
				}
			})
		})
	}
}

// wantTold checks that within that time m warns of its removal, by whom and when.
func (m *member) wantTold(within time.Duration, by *member) {
	m.t.Helper()
	words := fmt.Sprintf("removed from the mesh by %s on %s", by.name, by.now().Format(time.DateOnly))
	m.fleet.soon(within, m.name+" warns: "+words, func() bool {
		return slices.ContainsFunc(m.overview().Warnings, func(w control.Warning) bool {
			return w.Level == control.Critical && strings.Contains(w.Text, words)
		})
	})
}

func TestARemovalCutsARunOnBothSides(t *testing.T) {
	for i, name := range []string{"source", "target"} {
		t.Run(name, func(t *testing.T) {
			crewed(t, 3, func(f *fleet) {
				t := f.t
				a, b, c := f.nodes[0], f.nodes[1], f.nodes[2]
				allow(t, b, control.AllowPool{Appliance: "nas-a"})
				a.newBigShare("photos")
				a.volume.slow(64 << 10) // half a minute
				task := a.add("photos", b, 86400)
				time.Sleep(5 * time.Second)
				cut := time.Now()
				c.remove(f.nodes[i])
				f.soon(within, "the run ends on both sides", func() bool {
					return a.run(state.Send, task, 1).State.Final() && b.run(state.Receive, task, 1).State.Final()
				})
				here, there := a.run(state.Send, task, 1), b.run(state.Receive, task, 1)
				if here.State != state.Failed || there.State != state.Failed {
					t.Errorf("the run is %s on the source, %s on the target", here.State, there.State)
				}
				if first := min(here.Ended.Sub(cut), there.Ended.Sub(cut)); first > time.Second { // the slow pool lets go of the other
					t.Errorf("cut after %s", first)
				}
				a.wantFailure(task, control.CodePeerRemoved, "")
				if there.Code != control.CodePeerRemoved {
					t.Errorf("the target recorded %s: %s", there.Code, there.Error)
				}
				if got := len(b.committed(a, "photos")); got != 0 {
					t.Errorf("%d snapshots in the replica", got)
				}
			})
		})
	}
}

func TestARemovalDuringAPartitionReachesTheOthersAfterwards(t *testing.T) {
	crewed(t, 6, func(f *fleet) {
		near, far, gone := f.nodes[:2], f.nodes[2:5], f.nodes[5]
		f.part(near, far)
		near[0].remove(gone)
		f.wantCrew(within, near, f.but(gone)...)
		time.Sleep(time.Minute)
		f.wantCrew(0, far, f.nodes...)
		f.lose(nil)
		f.wantCrew(time.Minute, far, f.but(gone)...)
		gone.wantTold(time.Minute, near[0])
	})
}

func TestARemovalIsKnownToWhoComesBackBeforeItDoesAnything(t *testing.T) {
	unraced(t)
	crewed(t, 5, func(f *fleet) {
		t := f.t
		away, gone := f.nodes[2], f.nodes[4]
		allow(t, away, control.AllowPool{Appliance: gone.name})
		gone.newShare("photos", map[string]string{"one": "1"})
		task := gone.add("photos", away, 60)
		time.Sleep(5 * time.Second)
		away.halt()
		f.nodes[1].remove(gone)
		gone.write("photos", map[string]string{"one": "changed"})
		time.Sleep(10 * time.Minute)
		away.start()
		f.wantCrew(within, []*member{away}, f.but(gone)...)
		time.Sleep(5 * time.Minute)
		if got := len(away.committed(gone, "photos")); got != 1 {
			t.Errorf("%d snapshots in the replica: the removed one still writes: %q", got, gone.history(task))
		}
	})
}

func TestARemovalSurvivesARestartOfAll(t *testing.T) {
	crewed(t, 4, func(f *fleet) {
		gone, rest := f.nodes[3], f.nodes[:3]
		rest[1].remove(gone)
		f.wantCrew(within, rest, rest...)
		for _, m := range f.nodes {
			m.halt()
		}
		for _, m := range f.nodes {
			m.start()
		}
		f.wantCrew(0, rest, rest...)
		f.wantSeen(time.Minute, control.Online, rest, rest)
		f.wantCrew(0, rest, rest...)
		gone.wantTold(20*time.Second, rest[1])
	})
}

func TestOneThatWasAwayWhenItWasRemovedIsToldWhenItComes(t *testing.T) {
	unraced(t)
	crewed(t, 4, func(f *fleet) {
		gone, rest := f.nodes[3], f.nodes[:3]
		gone.halt()
		rest[1].remove(gone)
		f.wantCrew(within, rest, rest...)
		time.Sleep(time.Hour)
		gone.start()
		gone.wantTold(30*time.Second, rest[1])
	})
}

func TestARemovedApplianceComesBackWithANewKeyOnly(t *testing.T) {
	crewed(t, 4, func(f *fleet) {
		t := f.t
		a, gone, rest := f.nodes[0], f.nodes[3], f.nodes[:3]
		a.remove(gone)
		f.wantCrew(within, rest, rest...)
		for _, m := range rest {
			code, _ := m.hand(control.CreateInvite{})
			_, err := gone.enter(code, m)
			wantCode(t, err, control.CodePeerRemoved)
			if err != nil && !strings.Contains(err.Error(), "removed from the mesh by nas-a on 2000-01-01") {
				t.Errorf("error is %v", err)
			}
		}
		f.wantCrew(0, rest, rest...)
		gone.reborn()
		rest[1].admit(gone)
		f.wantCrew(2*time.Second, f.nodes, f.nodes...)
		f.wantSeen(10*time.Second, control.Online, f.nodes, f.nodes)
	})
}

// reborn restarts the node with a new key and nothing else.
func (m *member) reborn() {
	m.t.Helper()
	m.halt()
	id, err := certs.CreateIdentity(m.t.TempDir() + "/" + keyName)
	if err != nil {
		m.t.Fatal(err)
	}
	m.identity, m.mirror = id, &kept{}
	m.loseDatabase()
}

func TestWhoWasAdmittedByARemovedApplianceStaysUnlessSaidOtherwise(t *testing.T) {
	crewed(t, 7, func(f *fleet) { // nas-b let in nas-d and nas-e, nas-d nobody, nas-c nas-f and nas-g
		t := f.t
		a, b, d := f.nodes[0], f.nodes[1], f.nodes[3]
		change := a.removeAs(control.RemoveAppliance{Appliance: "nas-b", Lost: true, Also: []string{"nas-d"}})
		if !slices.Equal(change.Also, []string{"nas-d"}) || !slices.Equal(change.Stay, []string{"nas-e"}) {
			t.Errorf("removed: %+v", change)
		}
		rest := f.but(b, d)
		f.wantCrew(within, rest, rest...)
		for _, m := range rest {
			for _, gone := range []*member{b, d} {
				if r, ok := m.revocation(gone); !ok || r.Reason != certs.Lost || len(r.By) != 1 || r.By[0] != a.identity.ID() {
					t.Errorf("%s knows of %s: %+v", m.name, gone.name, r)
				}
			}
		}
		f.wantSeen(10*time.Second, control.Online, rest, rest)
		_, err := a.removeAppliance(a.ctx(), control.RemoveAppliance{Appliance: "nas-c", Also: []string{"nas-e"}})
		wantCode(t, err, control.CodeNotAdmitted)
	})
}

func TestAMeshGoesOnWithoutItsFounder(t *testing.T) {
	crewed(t, 5, func(f *fleet) {
		founder, rest := f.nodes[0], f.nodes[1:]
		rest[3].remove(founder)
		f.wantCrew(within, rest, rest...)
		founder.wantTold(20*time.Second, rest[3])
		founder.reborn()
		rest[1].admit(founder)
		f.wantCrew(2*time.Second, f.nodes, f.nodes...)
	})
}

func TestWhoLeavesIsOutForAll(t *testing.T) {
	crewed(t, 5, func(f *fleet) {
		t := f.t
		b, rest := f.nodes[1], f.but(f.nodes[1])
		if change := b.removeAs(control.RemoveAppliance{Appliance: "nas-b"}); !change.Self {
			t.Errorf("removed: %+v", change)
		}
		f.wantCrew(within, rest, rest...)
		if r, _ := rest[0].revocation(b); r.Reason != certs.Left {
			t.Errorf("nas-a knows of nas-b: %+v", r)
		}
	})
}

func TestTwoThatRemoveEachOtherDuringAPartitionAreBothOut(t *testing.T) {
	crewed(t, 6, func(f *fleet) {
		a, b := f.nodes[1], f.nodes[2]
		f.part([]*member{a, f.nodes[0], f.nodes[4]}, []*member{b, f.nodes[3], f.nodes[5]})
		time.Sleep(30 * time.Second)
		a.remove(b)
		b.remove(a)
		time.Sleep(time.Minute)
		f.lose(nil)
		rest := f.but(a, b)
		f.wantCrew(time.Minute, rest, rest...)
		a.wantTold(time.Minute, b)
		b.wantTold(time.Minute, a)
	})
}

func TestWhoIsKeptWorksOnWithTheKeeper(t *testing.T) {
	unraced(t)
	crewed(t, 4, func(f *fleet) {
		t := f.t
		a, b, c := f.nodes[0], f.nodes[1], f.nodes[2]
		allow(t, b, control.AllowPool{Appliance: "nas-c"})
		c.newShare("photos", map[string]string{"one": "1"})
		task := c.add("photos", b, 60)
		time.Sleep(5 * time.Second)
		a.remove(c)
		f.wantCrew(within, f.but(c), f.but(c)...)
		c.write("photos", map[string]string{"one": "changed"})
		time.Sleep(2 * time.Minute)
		c.wantFailure(task, control.CodePeerRemoved, "")
		b.keep(c)
		f.wantCrew(0, []*member{b}, f.nodes...)
		time.Sleep(2 * time.Minute)
		b.holds(c, "photos")
		f.wantCrew(0, []*member{a, f.nodes[3]}, f.but(c)...)
		if r, _ := b.revocation(c); !r.Kept {
			t.Errorf("nas-b shows of nas-c: %+v", r)
		}
		b.restart()
		c.write("photos", map[string]string{"one": "changed again"})
		time.Sleep(2 * time.Minute)
		b.holds(c, "photos")
	})
}
