package state

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestListsAreSorted(t *testing.T) {
	s := memory(t)
	update(t, s, func(tx *Tx) error {
		var errs []error
		for _, b := range []byte{200, 3, 90} {
			errs = append(
				errs, tx.PutTask(Task{Name: fmt.Sprintf("t%03d", b)}),
				tx.PutPeer(Peer{ID: id(b)}), tx.PutInvite(Invite{Number: uint64(b) << 8}),
				tx.PutGrant(Grant{Peer: id(1), Pool: uuid(b)}), tx.PutGrant(Grant{Peer: id(b), Pool: uuid(1)}),
			)
		}
		return errors.Join(errs...)
	})
	_ = s.View(func(tx *Tx) error {
		tasks, _ := tx.Tasks()
		peers, _ := tx.Peers()
		invites, _ := tx.Invites()
		grants, _ := tx.GrantsTo(id(1))
		var got []string
		for i := range tasks {
			got = append(got, fmt.Sprintf("%s %d %d %d", tasks[i].Name, peers[i].ID[0], invites[i].Number>>8, grants[i].Pool[0]))
		}
		if diff := cmp.Diff([]string{"t003 3 3 3", "t090 90 90 90", "t200 200 200 200"}, got); diff != "" {
			t.Error(diff)
		}
		if len(grants) != 3 {
			t.Errorf("%d grants to one peer", len(grants))
		}
		return nil
	})
}

func TestValuesWithoutTheirKeyAreRefused(t *testing.T) {
	long := strings.Repeat("n", 64)
	puts := map[string]func(*Tx) error{
		"appliance":         func(tx *Tx) error { return tx.PutAppliance(Appliance{}) },
		"peer":              func(tx *Tx) error { return tx.PutPeer(Peer{}) },
		"grant to nobody":   func(tx *Tx) error { return tx.PutGrant(Grant{Pool: uuid(1)}) },
		"grant to nowhere":  func(tx *Tx) error { return tx.PutGrant(Grant{Peer: id(1)}) },
		"task":              func(tx *Tx) error { return tx.PutTask(Task{}) },
		"long task":         func(tx *Tx) error { return tx.PutTask(Task{Name: long}) },
		"task with a zero":  func(tx *Tx) error { return tx.PutTask(Task{Name: "a\x00b"}) },
		"task with a slash": func(tx *Tx) error { return tx.PutTask(Task{Name: "a/b"}) },
		"task of 0xff":      func(tx *Tx) error { return tx.PutTask(Task{Name: "\xff"}) },
		"run of no task":    func(tx *Tx) error { return tx.PutRun(Run{Side: Send, State: Planned}) },
		"run of no side":    func(tx *Tx) error { return tx.PutRun(Run{Task: "a", State: Planned}) },
		"run of no state":   func(tx *Tx) error { return tx.PutRun(Run{Side: Send, Task: "a"}) },
		"run of no peer":    func(tx *Tx) error { return tx.PutRun(Run{Side: Receive, Task: "a", State: Offered}) },
		"replica":           func(tx *Tx) error { return tx.PutReplica(Replica{Share: "a"}) },
		"replica, no share": func(tx *Tx) error { return tx.PutReplica(Replica{Source: id(1), Pool: uuid(1)}) },
		"invite":            func(tx *Tx) error { return tx.PutInvite(Invite{}) },
		"record":            func(tx *Tx) error { return tx.PutRecord(Record{}) },
		"decision":          func(tx *Tx) error { return tx.PutDecision(Decision{}) },
		"hold":              func(tx *Tx) error { return tx.PutHold(Hold{}) },
	}
	s := memory(t)
	for name, put := range puts {
		if err := s.Update(put); err == nil {
			t.Errorf("%s: stored", name)
		}
	}
}
