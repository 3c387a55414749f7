package mesh

import (
	"errors"
	"slices"
	"testing"
	"time"

	"btrmesh/mesh/control"
	"btrmesh/state"
)

// backup is a copy of what m has stored of itself and of the mesh.
func (m *member) backup() *state.Store {
	m.t.Helper()
	restored, err := state.OpenMemory()
	if err != nil {
		m.t.Fatal(err)
	}
	m.view(func(from *state.Tx) error {
		return restored.Update(func(to *state.Tx) error { return copyMembership(from, to) })
	})
	return restored
}

func copyMembership(from, to *state.Tx) error {
	me, _, err := from.Appliance()
	return errors.Join(err, to.PutAppliance(me),
		copyAll(from.Records, to.PutRecord), copyAll(from.Decisions, to.PutDecision), copyAll(from.Holds, to.PutHold),
		copyAll(from.Peers, to.PutPeer), copyAll(from.Grants, to.PutGrant), copyAll(from.Invites, to.PutInvite))
}

func copyAll[T any](list func() ([]T, error), put func(T) error) error {
	all, err := list()
	for _, one := range all {
		err = errors.Join(err, put(one))
	}
	return err
}

// cloned runs test with a member that is there twice: as copy, with the same key
// and store, at another address.
func cloned(t *testing.T, test func(f *fleet, real, double *member)) {
	t.Helper()
	crewed(t, 4, func(f *fleet) {
		b := f.nodes[1]
		allow(t, b, control.AllowPool{})
		f.wantSeen(10*time.Second, control.Online, f.nodes, f.nodes)
		double := f.build(b.name, b.identity, f.berth(9, 9))
		if err := double.store.Close(); err != nil {
			t.Fatal(err)
		}
		double.store = b.backup()
		f.nodes = append(f.nodes, double)
		double.start()
		allow(t, double, control.AllowPool{}) // in a pool of its own
		test(f, b, double)
		double.halt() // it is not compared with the others
		if err := double.store.Close(); err != nil {
			t.Error(err)
		}
		f.nodes = f.nodes[:4]
	})
}

// noticing is how soon two machines with one key know of each other: each hears
// of the other by its own questions only, one in half a minute.
const noticing = 4 * time.Minute

// wantTwin checks that m warns of another machine with its key, and where that is.
func (m *member) wantTwin(address string) {
	m.t.Helper()
	m.fleet.soon(noticing, m.name+" notices another one at "+address, func() bool {
		twins := m.overview().Twins
		return len(twins) == 1 && twins[0].Self && len(twins[0].Addresses) == 1 && twins[0].Addresses[0] == address
	})
	m.wantWarning(control.Critical, "this key is also used by another machine ("+address+"); nothing is received until that is settled.")
}

func TestTwoMachinesWithOneKeyNoticeAndReceiveNothingUntilOneIsSettled(t *testing.T) {
	unraced(t)
	cloned(t, func(f *fleet, b, double *member) {
		t := f.t
		a := f.nodes[0]
		b.wantTwin("10.0.9.9:7945")
		double.wantTwin("10.0.0.2:7945")
		a.newShare("photos", map[string]string{"one": "1"})
		task := a.add("photos", b, 60)
		time.Sleep(30 * time.Second)
		a.wantFailure(task, control.CodeClonedIdentity, "")
		b.restart()
		b.wantTwin("10.0.9.9:7945")
		time.Sleep(2 * time.Minute)
		if got := len(b.committed(a, "photos")) + len(double.committed(a, "photos")); got != 0 {
			t.Errorf("%d snapshots were received", got)
		}
		double.halt()
		if change := b.keep(b); !change.Self || !change.Twin {
			t.Errorf("kept: %+v", change)
		}
		if left := b.overview().Twins; len(left) != 0 {
			t.Errorf("settled, and still %+v", left)
		}
		time.Sleep(3 * time.Minute)
		b.holds(a, "photos")
		if change := b.keep(b); !change.Unchanged {
			t.Errorf("kept again: %+v", change)
		}
	})
}

func TestASettledTwinStaysSettledWhileTheCopyRuns(t *testing.T) {
	unraced(t)
	cloned(t, func(f *fleet, b, double *member) {
		b.wantTwin("10.0.9.9:7945")
		double.wantTwin("10.0.0.2:7945")
		b.keep(b)
		time.Sleep(3 * time.Minute)
		if left := b.overview().Twins; len(left) != 0 {
			f.t.Errorf("settled, and again %+v", left)
		}
		if left := double.overview().Twins; len(left) != 1 {
			f.t.Errorf("the copy does not warn any more: %+v", left)
		}
	})
}

func TestOthersSeeATwinOnlyWhileBothMachinesAreAlive(t *testing.T) {
	cloned(t, func(f *fleet, b, double *member) {
		a := f.nodes[0]
		f.soon(noticing, "nas-a sees nas-b twice", func() bool {
			twins := a.overview().Twins
			return len(twins) == 1 && !twins[0].Self && slices.Equal(twins[0].Addresses, []string{"10.0.0.2:7945", "10.0.9.9:7945"})
		})
		double.halt()
		time.Sleep(2 * time.Minute)
		b.crash()
		time.Sleep(3 * time.Second)
		b.start()
		for range 30 {
			time.Sleep(time.Second)
			if twins := a.overview().Twins; len(twins) != 0 {
				f.t.Fatalf("started again, and taken for two: %+v", twins)
			}
		}
	})
}

func TestADisputeWithATwinBecomesRare(t *testing.T) {
	var d dispute
	now, answers := time.Unix(0, 0), 0
	for end := now.Add(24 * time.Hour); now.Before(end); now = now.Add(describeEvery) {
		if !d.turn(false, now) {
			t.Fatal("what is not disputed has to wait")
		}
		if d.turn(true, now) {
			answers++
		}
	}
	if answers < 24 || answers > 36 {
		t.Errorf("%d answers in a day", answers)
	}
}

func TestAStateRestoredFromABackupIsNoTwin(t *testing.T) {
	unraced(t)
	crewed(t, 4, func(f *fleet) {
		t := f.t
		b := f.nodes[1]
		old := b.backup()
		for range 5 {
			b.restart()
			time.Sleep(time.Minute)
		}
		if _, err := b.renameAppliance(b.ctx(), control.RenameAppliance{Name: "nas-bb"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		f.nodes[0].remove(f.nodes[3])
		rest := f.nodes[:3]
		f.wantOneTruth(time.Minute, rest...)
		b.halt()
		if err := b.store.Close(); err != nil {
			t.Fatal(err)
		}
		b.store = old
		b.start()
		time.Sleep(5 * time.Minute)
		for _, m := range rest {
			if twins := m.overview().Twins; len(twins) != 0 {
				t.Errorf("%s warns of %+v", m.name, twins)
			}
		}
		f.wantOneTruth(0, rest...)
		f.wantCrew(0, rest, rest...)
		f.wantSeen(0, control.Online, rest, rest)
	})
}
