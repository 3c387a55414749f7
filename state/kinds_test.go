package state

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"btrmesh/btrfs"
	"btrmesh/certs"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 123456789, time.UTC)

func id(b byte) certs.ID     { return certs.ID{0: b, 31: 0xee} }
func uuid(b byte) btrfs.UUID { return btrfs.UUID{0: b, 15: 0xdd} }

// Each kind with every field set.
func anAppliance() Appliance {
	return Appliance{ID: id(1), Name: "nas-a", Instance: [16]byte{1, 2, 3}, Boots: 7, ServiceOff: true, Created: noon}
}

func aPeer() Peer {
	return Peer{
		ID: id(2), Name: "nas-b", Addresses: []string{"192.168.1.11:7945", "[fd00::11]:7945"}, Paired: noon,
		Instance: [16]byte{9}, Version: "0.1.0", LastSeen: noon.Add(time.Hour), LastAddress: "192.168.1.11:7945",
	}
}

func aGrant() Grant {
	return Grant{
		Peer: id(2), Pool: uuid(3), PoolName: "tank", QuotaBytes: 2 << 40, Shares: []string{"photos", "home/ann"},
		MinKeep: 30 * 24 * time.Hour, Given: noon,
	}
}

func aTask() Task {
	return Task{
		Name: "photos-nas-b", Share: "photos", ShareUUID: uuid(4), Pool: uuid(3), PoolName: "tank", Target: id(2),
		TargetPool: "vault", EverySeconds: 300, Enabled: true, Changed: noon, KeepSource: 2, KeepTarget: "last=24,daily=7",
		Created: noon, NextRun: 413, FreshAt: noon, LastCommitted: "20261123T120000Z", Base: uuid(5), Failures: 3,
		NextTry: noon.Add(time.Minute), RunRequested: noon.Add(time.Second), FullRequested: true,
	}
}

func aRun(side Side) Run {
	return Run{
		Side: side, Task: "photos-nas-b", Peer: id(2), Number: 412, Share: "photos", Pool: "tank", Kind: Incremental,
		State: Failed, Snapshot: "20261123T120000Z", SnapshotUUID: uuid(6), Parent: uuid(5), Started: noon,
		Ended: noon.Add(time.Minute), EstimateBytes: 1, StreamBytes: 2, AppliedBytes: 3, DataBytes: 4, MetaOutBytes: 5,
		MetaInBytes: 6, Code: "peer_unreachable", Error: "nas-b did not answer", Hints: []string{"btrmesh doctor nas-b"},
	}
}

func aReplica() Replica {
	return Replica{
		Source: id(2), Share: "photos", Pool: uuid(3), PoolName: "tank", Task: "photos-nas-a", EverySeconds: 300,
		Path: "/mnt2/tank/.btrmesh/replicas/nas-b/photos", FreshAt: noon, LastReceived: noon, LastRun: 412,
		Snapshot: uuid(6), StreamBytesTotal: 1 << 40,
	}
}

func anInvite() Invite {
	return Invite{
		Number: 1, ID: [5]byte{1, 2, 3, 4, 5}, Key: certs.ProofKey{0: 0x5e, 31: 0xc7}, Created: noon,
		Expires: noon.Add(15 * time.Minute), BootID: "b007", TriesLeft: 5, Bound: id(2), BoundAt: noon,
		BoundFrom: "192.168.1.11:50000", ReceiveInto: uuid(3), ReceivePool: "tank", QuotaBytes: 1 << 40,
	}
}

// kind ties the methods of one kind together; delete is nil where there is none.
type kind struct {
	name   string
	key    []byte
	put    func(*Tx) error
	get    func(*Tx) (got, want any, ok bool, err error)
	list   func(*Tx) (int, error)
	delete func(*Tx) error
}

// of erases the types of a kind's methods.
func of[T any](want T, get func(*Tx) (T, bool, error)) func(*Tx) (any, any, bool, error) {
	return func(tx *Tx) (any, any, bool, error) {
		got, ok, err := get(tx)
		return got, want, ok, err
	}
}

func counted[T any](list func(*Tx) ([]T, error)) func(*Tx) (int, error) {
	return func(tx *Tx) (int, error) {
		all, err := list(tx)
		return len(all), err
	}
}

func runs(tx *Tx) ([]Run, error) { return tx.Runs(RunFilter{}) }

func kinds() []kind {
	run := func(side Side) kind {
		r := aRun(side)
		return kind{
			name: "run " + side.String(), key: r.key(), put: func(tx *Tx) error { return tx.PutRun(r) },
			get:  of(r, func(tx *Tx) (Run, bool, error) { return tx.Run(side, r.Peer, r.Task, r.Number) }),
			list: counted(runs),
		}
	}
	a, p, g, task, rep, inv := anAppliance(), aPeer(), aGrant(), aTask(), aReplica(), anInvite()
	rec := Record{Hash: [32]byte{7}, Raw: []byte("signed")}
	dec := Decision{Subject: id(2), Verdict: Remove, At: noon}
	hold := Hold{Hash: [32]byte{8}, Standing: Approved, At: noon}
	return []kind{
		{"appliance", applianceKey(), func(tx *Tx) error { return tx.PutAppliance(a) }, of(a, (*Tx).Appliance), nil, nil},
		{
			"peer", peerKey(p.ID), func(tx *Tx) error { return tx.PutPeer(p) },
			of(p, func(tx *Tx) (Peer, bool, error) { return tx.Peer(p.ID) }),
			counted((*Tx).Peers), func(tx *Tx) error { return tx.DeletePeer(p.ID) },
		},
		{
			"grant", grantKey(g.Peer, g.Pool), func(tx *Tx) error { return tx.PutGrant(g) },
			of(g, func(tx *Tx) (Grant, bool, error) { return tx.Grant(g.Peer, g.Pool) }),
			counted((*Tx).Grants), func(tx *Tx) error { return tx.DeleteGrant(g.Peer, g.Pool) },
		},
		{
			"task", taskKey(task.Name), func(tx *Tx) error { return tx.PutTask(task) },
			of(task, func(tx *Tx) (Task, bool, error) { return tx.Task(task.Name) }), counted((*Tx).Tasks), nil,
		},
		run(Send), run(Receive),
		{
			"replica", replicaKey(rep.Source, rep.Pool, rep.Share), func(tx *Tx) error { return tx.PutReplica(rep) },
			of(rep, func(tx *Tx) (Replica, bool, error) { return tx.Replica(rep.Source, rep.Pool, rep.Share) }),
			counted((*Tx).Replicas), func(tx *Tx) error { return tx.DeleteReplica(rep.Source, rep.Pool, rep.Share) },
		},
		{
			"invite", inviteKey(inv.Number), func(tx *Tx) error { return tx.PutInvite(inv) },
			of(inv, func(tx *Tx) (Invite, bool, error) { return tx.Invite(inv.Number) }), counted((*Tx).Invites), nil,
		},
		{
			"record", recordKey(rec.Hash), func(tx *Tx) error { return tx.PutRecord(rec) },
			of(rec, func(tx *Tx) (Record, bool, error) { return get[Record](tx, recordKey(rec.Hash)) }),
			counted((*Tx).Records), func(tx *Tx) error { return tx.DeleteRecord(rec.Hash) },
		},
		{
			"decision", decisionKey(dec.Subject), func(tx *Tx) error { return tx.PutDecision(dec) },
			of(dec, func(tx *Tx) (Decision, bool, error) { return get[Decision](tx, decisionKey(dec.Subject)) }),
			counted((*Tx).Decisions), func(tx *Tx) error { return tx.DeleteDecision(dec.Subject) },
		},
		{
			"hold", holdKey(hold.Hash), func(tx *Tx) error { return tx.PutHold(hold) },
			of(hold, func(tx *Tx) (Hold, bool, error) { return get[Hold](tx, holdKey(hold.Hash)) }), counted((*Tx).Holds),
			func(tx *Tx) error { return tx.DeleteHold(hold.Hash) },
		},
	}
}

func TestEachKindIsReadBackAsWritten(t *testing.T) {
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			s := memory(t)
			want := func(present bool) func(*Tx) error {
				return func(tx *Tx) error {
					got, full, ok, err := k.get(tx)
					if ok != present || err != nil {
						t.Errorf("there: %v, want %v; %v", ok, present, err)
					}
					if diff := cmp.Diff(full, got); present && diff != "" {
						t.Error(diff)
					}
					if k.list == nil {
						return nil
					}
					if n, err := k.list(tx); (n == 1) != present || err != nil {
						t.Errorf("%d listed, %v", n, err)
					}
					return nil
				}
			}
			_ = s.View(want(false))
			update(t, s, k.put)
			_ = s.View(want(true))
			if k.delete != nil {
				update(t, s, k.delete)
				update(t, s, k.delete)
				_ = s.View(want(false))
			}
		})
	}
}

// TestKeysAndValuesStayAsTheyAre holds what is on disks already.
func TestKeysAndValuesStayAsTheyAre(t *testing.T) {
	var got strings.Builder
	for _, k := range kinds() {
		s := memory(t)
		update(t, s, k.put)
		_ = s.View(func(tx *Tx) error {
			item, err := tx.txn.Get(k.key)
			if err != nil {
				t.Fatal(err)
			}
			value, err := item.ValueCopy(nil)
			fmt.Fprintf(&got, "%s\nkey   %x\nvalue %x\n\n", k.name, k.key, value)
			return err
		})
	}
	want, err := os.ReadFile("testdata/golden.hex")
	if err != nil || got.String() != string(want) {
		t.Errorf("%v; golden.hex would be:\n%s", err, got.String())
	}
}

// TestGoldenValuesAreStillRead reads what an earlier program wrote.
func TestGoldenValuesAreStillRead(t *testing.T) {
	golden, err := os.ReadFile("testdata/golden.hex")
	if err != nil {
		t.Fatal(err)
	}
	s := memory(t)
	for block := range strings.SplitSeq(strings.TrimSpace(string(golden)), "\n\n") {
		lines := strings.Split(block, "\n")
		set(t, s, unhex(t, lines[1]), unhex(t, lines[2]))
	}
	for _, k := range kinds() {
		_ = s.View(func(tx *Tx) error {
			got, want, ok, err := k.get(tx)
			if !ok || err != nil {
				t.Errorf("%s: %v, %v", k.name, ok, err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: %s", k.name, diff)
			}
			return nil
		})
	}
}

func unhex(t *testing.T, line string) []byte {
	t.Helper()
	fields := strings.Fields(line)
	b, err := hex.DecodeString(fields[len(fields)-1])
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestZeroFieldsComeBackAsZero(t *testing.T) {
	s := memory(t)
	want := Task{Name: "a"}
	update(t, s, func(tx *Tx) error { return tx.PutTask(want) })
	_ = s.View(func(tx *Tx) error {
		got, _, err := tx.Task("a")
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Error(diff, err)
		}
		return nil
	})
}

func TestInvitesCountUpAndAreFoundByTheirID(t *testing.T) {
	s := memory(t)
	for want := uint64(1); want <= 3; want++ {
		update(t, s, func(tx *Tx) error {
			n := tx.NextInvite()
			if n != want {
				t.Errorf("next is %d, want %d", n, want)
			}
			return tx.PutInvite(Invite{Number: n, ID: [5]byte{byte(n)}, Key: certs.ProofKey{1}})
		})
	}
	update(t, s, func(tx *Tx) error {
		found, ok, err := tx.InviteByID([5]byte{2})
		if !ok || found.Number != 2 {
			t.Errorf("found %d, %v", found.Number, ok)
		}
		if _, ok, _ := tx.InviteByID([5]byte{9}); ok {
			t.Error("found an invite that is not there")
		}
		found.WipeKey()
		return errors.Join(err, tx.PutInvite(found))
	})
	_ = s.View(func(tx *Tx) error {
		if found, _, _ := tx.Invite(2); found.Key != (certs.ProofKey{}) {
			t.Error("the key is still there")
		}
		return nil
	})
}
