package mesh

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"

	"btrmesh/certs"
	"btrmesh/mesh/control"
	"btrmesh/state"
)

func TestWhoJoinsThroughAnyMemberIsAMemberForAll(t *testing.T) {
	for _, n := range []int{5, 16} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			crewed(t, n, func(f *fleet) {
				f.wantSeen(10*time.Second, control.Online, f.nodes, f.nodes)
				f.wantOneTruth(20*time.Second, f.nodes...)
			})
		})
	}
}

func TestAMemberOfAnotherMeshIsRefusedAndNothingChanges(t *testing.T) {
	sail(t, 4, func(f *fleet) {
		t := f.t
		a, b, c, d := f.nodes[0], f.nodes[1], f.nodes[2], f.nodes[3]
		a.admit(b)
		c.admit(d)
		code, _ := a.hand(control.CreateInvite{})
		_, err := d.enter(code, a)
		wantCode(t, err, control.CodeOtherMesh)
		if err != nil && err.Error() != "nas-d already belongs to a mesh of 2 appliances, nas-a to another." {
			t.Errorf("error is %v", err)
		}
		f.wantCrew(0, f.nodes[:2], a, b)
		f.wantCrew(0, f.nodes[2:], c, d)
		if n := a.admissions(d); n != 0 {
			t.Errorf("nas-a signed %d admissions of nas-d", n)
		}
	})
}

func TestWhoFoundedAMeshThatNobodyJoinedCanJoinAnother(t *testing.T) {
	sail(t, 3, func(f *fleet) {
		a, b, c := f.nodes[0], f.nodes[1], f.nodes[2]
		a.admit(b)
		c.hand(control.CreateInvite{})
		b.admit(c)
		f.wantCrew(2*time.Second, f.nodes, f.nodes...)
		f.wantSeen(10*time.Second, control.Online, f.nodes, f.nodes)
	})
}

// TestAJoinerThatCrashesIsOneMemberInTheEnd crashes the joiner as soon as one of
// the steps of joining is done.
func TestAJoinerThatCrashesIsOneMemberInTheEnd(t *testing.T) {
	steps := map[string]func(a, c *member) bool{
		"before the answer":           func(a, c *member) bool { return len(a.invitesBound()) > 1 },
		"after it took the records":   func(_, c *member) bool { return len(c.crew()) == 3 },
		"after the inviter confirmed": func(a, _ *member) bool { return len(a.crew()) == 3 },
	}
	for name, done := range steps {
		for _, later := range []time.Duration{0, 20 * time.Minute} {
			t.Run(fmt.Sprintf("%s, again after %s", name, later), func(t *testing.T) {
				sail(t, 3, func(f *fleet) { f.crashJoining(done, later) })
			})
		}
	}
}

// crashJoining has the third join through the first and crash when done says so.
// Later it tries again: by the same invite while that lives, else by another.
func (f *fleet) crashJoining(done func(a, c *member) bool, later time.Duration) {
	t := f.t
	a, b, c := f.nodes[0], f.nodes[1], f.nodes[2]
	a.admit(b)
	code, _ := a.hand(control.CreateInvite{})
	f.lose(func(p simnet.Packet) bool { return (c.sent(p) || c.gets(p)) && done(a, c) })
	ended := make(chan error, 1)
	go func() {
		_, err := c.enter(code, a)
		ended <- err
	}()
	time.Sleep(time.Second)
	c.crash()
	if err := <-ended; err == nil {
		t.Error("joined without an answer")
	}
	f.lose(nil)
	time.Sleep(later)
	c.start()
	_, err := c.enter(code, a)
	if later > inviteLife {
		wantCode(t, err, control.CodeInviteExpired)
		code, _ = b.hand(control.CreateInvite{})
		_, err = c.enter(code, b)
	}
	if err != nil {
		t.Errorf("joining again: %v", err)
	}
	f.wantCrew(2*time.Second, f.nodes, f.nodes...)
	f.wantSeen(40*time.Second, control.Online, f.nodes, f.nodes)
	f.wantOneTruth(time.Minute, f.nodes...)
	if n := a.admissions(c); later == 0 && n != 1 {
		t.Errorf("%d admissions of nas-c", n)
	}
}

// invitesBound lists the numbers of the invites of m that somebody used.
func (m *member) invitesBound() []uint64 {
	var used []uint64
	for number := uint64(1); ; number++ {
		inv, err := m.inviteNumber(number)
		if err != nil {
			return used
		}
		if inv.State == control.UsedInvite {
			used = append(used, number)
		}
	}
}

func TestClocksThatAreYearsWrongChangeNothing(t *testing.T) {
	const year = 365 * 24 * time.Hour
	sail(t, 5, func(f *fleet) {
		for i, skew := range []time.Duration{-year, year, 0, -year, year} {
			m := f.nodes[i]
			m.halt()
			m.skew = skew
			m.start()
		}
		for i := range f.nodes[1:] {
			f.nodes[i/2].admit(f.nodes[i+1])
		}
		f.wantCrew(2*time.Second, f.nodes, f.nodes...)
		f.wantSeen(10*time.Second, control.Online, f.nodes, f.nodes)
		gone := f.nodes[4]
		f.nodes[3].remove(gone)
		f.wantCrew(5*time.Second, f.but(gone), f.but(gone)...)
		for _, m := range f.but(gone) {
			m.restart()
		}
		f.wantCrew(5*time.Second, f.but(gone), f.but(gone)...)
		f.wantOneTruth(time.Minute, f.but(gone)...)
	})
}

func TestAnApplianceThatLostItsDatabaseIsAMemberByTheMirror(t *testing.T) {
	crewed(t, 4, func(f *fleet) {
		c := f.nodes[2]
		f.nodes[0].remove(f.nodes[3])
		rest := f.nodes[:3]
		f.wantCrew(5*time.Second, rest, rest...)
		c.loseDatabase()
		f.wantCrew(0, rest, rest...)
		f.wantSeen(time.Minute, control.Online, rest, rest)
		f.wantOneTruth(time.Minute, rest...)
	})
}

func TestAnInviterThatCannotBeStoredMakesNoMember(t *testing.T) {
	sail(t, 2, func(f *fleet) {
		a, b := f.nodes[0], f.nodes[1]
		a.hand(control.CreateInvite{})
		genesis, err := a.identity.Genesis("nas-a", a.now())
		if err != nil {
			f.t.Fatal(err)
		}
		refused := errors.New("no room")
		err = b.members.adopt([][]byte{genesis.Bytes()}, certs.Verdict{}, func(*state.Tx) error { return refused })
		if !errors.Is(err, refused) || !b.members.mesh().IsZero() {
			f.t.Errorf("adopted with %v, in mesh %s", err, b.members.mesh().Short())
		}
		b.view(func(tx *state.Tx) error {
			if records, err := tx.Records(); len(records) > 0 {
				f.t.Errorf("%d records, %v", len(records), err)
			}
			return nil
		})
	})
}

func TestManyDescriptionsAreMirroredAtOnceAndARemovalBeforeAnythingElse(t *testing.T) {
	crewed(t, 3, func(f *fleet) {
		a, c := f.nodes[0], f.nodes[2]
		time.Sleep(time.Minute)
		before := a.mirror.count()
		for i := range 20 {
			if _, err := a.renameAppliance(a.ctx(), control.RenameAppliance{Name: fmt.Sprintf("nas-%d", i)}); err != nil {
				f.t.Fatal(err)
			}
		}
		time.Sleep(2 * time.Second)
		if got := a.mirror.count() - before; got < 1 || got > 2 { // others describe themselves, too
			f.t.Errorf("mirrored %d times", got)
		}
		before = a.mirror.count()
		a.remove(c)
		if a.mirror.count() == before {
			f.t.Error("a removal is not mirrored yet")
		}
	})
}

func (k *kept) count() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.saved
}
