package mesh

import (
	"context"
	"fmt"
	"time"

	"btrmesh/certs"
	"btrmesh/state"
	"btrmesh/stream"
)

// join pairs with the appliance at addr, which made the invite, and so with its
// whole mesh.
func (n *Node) join(ctx context.Context, inv certs.Invite, addr string, into *Pool, quota uint64) (stream.JoinAnswer, error) {
	me, err := n.joinHello()
	if err != nil {
		return stream.JoinAnswer{}, err
	}
	answer, confirm, err := n.net.Join(ctx, addr, inv, me)
	if err != nil {
		return answer, err
	}
	consent, err := n.enter(answer, func(tx *state.Tx) error { return storeInviter(tx, answer, addr, into, quota) })
	if err != nil {
		return answer, fmt.Errorf("join the mesh of %s: %w", answer.Name, err)
	}
	if err := confirm(ctx, consent); err != nil {
		return answer, &unconfirmedError{inviter: answer.Name, err: err}
	}
	n.log.Info("paired", "peer", answer.Name, "id", answer.Peer.Short(), "address", addr)
	notify(n.redescribe)
	return answer, nil
}

// unconfirmedError says that this appliance is a member by what it stored, and
// that the mesh does not know of it yet.
type unconfirmedError struct {
	inviter string
	err     error
}

func (e *unconfirmedError) Error() string {
	return "not confirmed by " + e.inviter + ": " + e.err.Error()
}

func (e *unconfirmedError) Unwrap() error { return e.err }

func (n *Node) joinHello() (stream.JoinHello, error) {
	fold := n.members.fold()
	me := stream.JoinHello{
		Name: n.name(), Version: n.cfg.Version, Listen: n.listenAddresses(), Mesh: [32]byte(fold.Mesh), Members: len(fold.Members),
	}
	err := n.store.View(func(tx *state.Tx) error {
		rec, _, err := tx.Appliance()
		me.Instance = rec.Instance
		return err
	})
	return me, err
}

// enter checks what the inviter gave, makes this appliance a member by it, for
// good, and returns the consent that makes it one for the others. What also stores
// is in the same transaction.
func (n *Node) enter(answer stream.JoinAnswer, also func(*state.Tx) error) ([]byte, error) {
	admission, err := certs.ParseAdmission(answer.Admission)
	if err != nil {
		return nil, err
	}
	if admission.Issuer() != answer.Peer {
		return nil, fmt.Errorf("the admission is signed by %s", admission.Issuer().Short())
	}
	consent, err := n.identity.Consent(admission)
	if err != nil {
		return nil, err
	}
	record, err := admission.With(consent)
	if err != nil {
		return nil, err
	}
	verdict := certs.Verdict{Held: hashesOf(answer.Held), Vouched: hashesOf(answer.Vouched)}
	return consent[:], n.members.adopt(append(answer.Records, record.Bytes()), verdict, also)
}

func storeInviter(tx *state.Tx, a stream.JoinAnswer, addr string, into *Pool, quota uint64) error {
	now := time.Now().UTC()
	peer := state.Peer{
		ID: a.Peer, Name: a.Name, Version: a.Version, Paired: now, LastSeen: now,
		Addresses: cleanAddresses(a.Addresses), LastAddress: addr,
	}
	if err := tx.PutPeer(peer); err != nil || into == nil {
		return err
	}
	return tx.PutGrant(state.Grant{Peer: a.Peer, Pool: into.UUID, PoolName: into.Name, QuotaBytes: quota, Given: now})
}
