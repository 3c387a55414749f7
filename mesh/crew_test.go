package mesh

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"

	"btrmesh/certs"
	"btrmesh/mesh/control"
)

// crewed is a fleet of one mesh, in which each joined through another one: the
// second through the first, the third through the first, the fourth through the
// second, and so on. All are connected.
func crewed(t *testing.T, n int, test func(f *fleet)) {
	t.Helper()
	sail(t, n, func(f *fleet) {
		for i := range f.nodes[1:] {
			f.nodes[i/2].admit(f.nodes[i+1])
		}
		f.wantCrew(2*time.Second, f.nodes, f.nodes...)
		f.wantSeen(10*time.Second, control.Online, f.nodes, f.nodes)
		test(f)
	})
}

// admit makes joiner a member of m's mesh.
func (m *member) admit(joiner *member) {
	m.t.Helper()
	code, _ := m.hand(control.CreateInvite{})
	if _, err := joiner.enter(code, m); err != nil {
		m.t.Fatalf("%s joins through %s: %v", joiner.name, m.name, err)
	}
}

// crew lists, by name, whom m counts as members.
func (m *member) crew() []string {
	return namesOf(slices.Collect(maps.Values(m.members.fold().Members)))
}

// soon looks until that time is over whether something has come about.
func (f *fleet) soon(within time.Duration, what string, so func() bool) {
	f.t.Helper()
	for end := time.Now().Add(within); !so(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			f.t.Errorf("not within %s: %s", within, what)
			return
		}
	}
}

// wantCrew checks that within that time each of list counts exactly these as
// members.
func (f *fleet) wantCrew(within time.Duration, list []*member, these ...*member) {
	f.t.Helper()
	want := called(these)
	end := time.Now().Add(within)
	for _, m := range list {
		for !slices.Equal(m.crew(), want) && time.Now().Before(end) {
			time.Sleep(50 * time.Millisecond)
		}
		if got := m.crew(); !slices.Equal(got, want) {
			f.t.Errorf("after %s the members are %q for %s, want %q", within, got, m.name, want)
		}
	}
}

func called(list []*member) []string {
	var names []string
	for _, m := range list {
		names = append(names, m.name)
	}
	slices.Sort(names)
	return names
}

// but are the members of a fleet without these.
func (f *fleet) but(these ...*member) []*member {
	return slices.DeleteFunc(slices.Clone(f.nodes), func(m *member) bool { return slices.Contains(these, m) })
}

// sees tells what m shows of another: online, offline, or nothing.
func (m *member) sees(other *member) string {
	m.t.Helper()
	list, err := m.appliances(m.ctx(), control.AppliancesRequest{All: true})
	if err != nil {
		m.t.Fatal(err)
	}
	for _, a := range list {
		if a.ID == other.id() {
			return a.State
		}
	}
	return ""
}

// wantSeen checks that within that time each of these sees each other as state.
func (f *fleet) wantSeen(within time.Duration, state string, by, these []*member) {
	f.t.Helper()
	end := time.Now().Add(within)
	for _, m := range by {
		for _, other := range these {
			for m.sees(other) != state && time.Now().Before(end) {
				time.Sleep(100 * time.Millisecond)
			}
			if got := m.sees(other); got != state {
				f.t.Errorf("after %s %s is %q for %s, want %s", within, other.name, got, m.name, state)
			}
		}
	}
}

// wantOneTruth checks that within that time all have the same records.
func (f *fleet) wantOneTruth(within time.Duration, list ...*member) {
	f.t.Helper()
	f.soon(within, "all have the same records", func() bool {
		return !slices.ContainsFunc(list, func(m *member) bool { return m.members.Digest() != list[0].members.Digest() })
	})
}

// remove takes another appliance out of the mesh.
func (m *member) remove(other *member) {
	m.t.Helper()
	m.removeAs(control.RemoveAppliance{Appliance: other.id()})
}

func (m *member) removeAs(req control.RemoveAppliance) control.MemberChange {
	m.t.Helper()
	change, err := m.removeAppliance(m.ctx(), req)
	if err != nil {
		m.t.Fatalf("%s removes %s: %v", m.name, req.Appliance, err)
	}
	return change
}

// keep ignores on m what others decided about another appliance.
func (m *member) keep(other *member) control.MemberChange {
	m.t.Helper()
	change, err := m.keepAppliance(m.ctx(), control.KeepAppliance{Appliance: other.id()})
	if err != nil {
		m.t.Fatalf("%s keeps %s: %v", m.name, other.name, err)
	}
	return change
}

// part loses all packets between the two groups, until lose(nil).
func (f *fleet) part(these, those []*member) {
	in := func(list []*member, is func(*member, simnet.Packet) bool, p simnet.Packet) bool {
		return slices.ContainsFunc(list, func(m *member) bool { return is(m, p) })
	}
	sent, gets := (*member).sent, (*member).gets
	f.lose(func(p simnet.Packet) bool {
		return in(these, sent, p) && in(those, gets, p) || in(those, sent, p) && in(these, gets, p)
	})
}

// admissions counts the admissions of an appliance that m knows of.
func (m *member) admissions(of *member) int {
	count := 0
	for _, r := range m.members.now.Load().set.All() {
		if b, ok := r.Admit(); ok && b.Subject == of.identity.ID() {
			count++
		}
	}
	return count
}

// revocation is how m knows another to have been removed.
func (m *member) revocation(of *member) (certs.Removal, bool) {
	r, ok := m.members.fold().Removed[of.identity.ID()]
	return r, ok
}

// said tells whether the log of m has text since it was started.
func (m *member) said(text string) bool { return strings.Contains(m.log.String(), text) }
