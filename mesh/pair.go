package mesh

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"btrmesh/certs"
	"btrmesh/state"
	"btrmesh/stream"
)

const (
	inviteLife  = 15 * time.Minute
	inviteTries = 5
)

// newInvite stores an invite and returns it with its code, which is told once
// and kept nowhere. The first one founds the mesh.
func (n *Node) newInvite(life time.Duration, into *Pool, quota uint64) (state.Invite, certs.Invite, error) {
	if err := n.found(); err != nil {
		return state.Invite{}, certs.Invite{}, err
	}
	inv, err := certs.NewInvite(n.me)
	if err != nil {
		return state.Invite{}, certs.Invite{}, err
	}
	now := n.now()
	rec := state.Invite{ID: inv.ID, Key: inv.Key(), Created: now, Expires: now.Add(life), TriesLeft: inviteTries, QuotaBytes: quota}
	if into != nil {
		rec.ReceiveInto, rec.ReceivePool = into.UUID, into.Name
	}
	err = n.store.Update(func(tx *state.Tx) error {
		rec.Number = tx.NextInvite()
		return tx.PutInvite(rec)
	})
	return rec, inv, err
}

// inviteAfterlife is how long after its end an invite is still answered for, so
// that whoever comes too late hears that it expired.
const inviteAfterlife = time.Hour

// isPairing is asked on every pairing handshake. Used invites count, so that the
// joiner may try again and a second user hears who was first.
func (n *Node) isPairing() bool {
	open := false
	err := n.store.View(func(tx *state.Tx) error {
		invites, err := tx.Invites()
		for _, inv := range invites {
			open = open || n.now().Before(inv.Expires.Add(inviteAfterlife))
		}
		return err
	})
	return err == nil && open
}

// inviteLives tells whether now is within the invite's life. A clock that was
// set back ends it: what cannot be dated is refused.
func inviteLives(inv state.Invite, now time.Time) bool {
	return !now.Before(inv.Created) && now.Before(inv.Expires)
}

// Redeem decides on one use of an invite. It implements stream.Handler.
func (n *Node) Redeem(ctx context.Context, r stream.JoinRequest) (stream.JoinAnswer, error) {
	if err := n.joinRate.Wait(ctx); err != nil {
		return stream.JoinAnswer{}, &stream.Refusal{Code: stream.Busy, Text: "too many attempts"}
	}
	var answer stream.JoinAnswer
	var no *stream.Refusal
	err := n.store.Update(func(tx *state.Tx) (err error) {
		answer, no, err = n.redeem(tx, r, n.now())
		return err
	})
	if err != nil {
		n.log.Error("invite not redeemed", "peer", r.Peer.Short(), "err", err)
		return answer, &stream.Refusal{Code: stream.Internal, Text: "state not writable"}
	}
	if no != nil {
		n.log.Warn("invite refused", "peer", r.Peer.Short(), "address", r.Remote, "code", no.Code)
		return answer, no
	}
	n.log.Info("appliance paired", "peer", r.Name, "id", r.Peer.Short(), "address", r.Remote)
	return answer, nil
}

// redeem is the one transaction that turns an invite into a peer: free, then
// bound to the joiner's key for good. The same key may come again and gets the
// same answer. A refusal is stored too where it costs a try.
func (n *Node) redeem(tx *state.Tx, r stream.JoinRequest, now time.Time) (stream.JoinAnswer, *stream.Refusal, error) {
	inv, ok, err := tx.InviteByID(r.InviteID)
	if err != nil {
		return stream.JoinAnswer{}, nil, err
	}
	if no := judgeInvite(inv, ok, r, now); no != nil {
		return stream.JoinAnswer{}, no, nil
	}
	if !certs.Equal(inv.Key.Joiner(r.Exporter, r.Peer, n.me), r.Proof) {
		inv.TriesLeft--
		return stream.JoinAnswer{}, &stream.Refusal{Code: stream.BadProof, Text: "the code is not the one of this invite"}, tx.PutInvite(inv)
	}
	if no := n.acceptable(r); no != nil {
		return stream.JoinAnswer{}, no, nil
	}
	if inv.Bound.IsZero() { // the second time nothing changes, not even a grant withdrawn since
		inv.Bound, inv.BoundAt, inv.BoundFrom = r.Peer, now, r.Remote.Addr().String()
		admission, err := n.identity.Admit(n.members.mesh(), r.Key, r.Name, inv.ID, r.Instance, now)
		if err != nil {
			return stream.JoinAnswer{}, nil, err
		}
		inv.Admission = admission.Bytes()
		if err := errors.Join(tx.PutInvite(inv), greetPeer(tx, r, inv, now)); err != nil {
			return stream.JoinAnswer{}, nil, err
		}
	}
	answer, err := n.joinAnswer(tx, inv, r)
	return answer, nil, err
}

// judgeInvite refuses what may not be used any more.
func judgeInvite(inv state.Invite, found bool, r stream.JoinRequest, now time.Time) *stream.Refusal {
	switch {
	case !found:
		return &stream.Refusal{Code: stream.InviteUnknown, Text: "there is no such invite, or it was revoked"}
	case !inv.Bound.IsZero() && inv.Bound != r.Peer:
		return &stream.Refusal{
			Code: stream.InviteUsed, Text: fmt.Sprintf("used by %s at %s from %s", inv.Bound.Short(), inv.BoundAt.UTC().Format(time.DateTime), inv.BoundFrom),
			Facts: []string{inv.Bound.Short(), inv.BoundAt.UTC().Format(time.RFC3339), inv.BoundFrom},
		}
	case !inviteLives(inv, now):
		return &stream.Refusal{Code: stream.InviteExpired, Text: "expired", Facts: []string{inv.Expires.UTC().Format(time.RFC3339)}}
	case inv.TriesLeft == 0:
		return &stream.Refusal{Code: stream.BadProof, Text: "this invite was guessed at too often and is closed"}
	}
	return nil
}

// acceptable refuses a joiner that cannot be a member, whatever it proves.
func (n *Node) acceptable(r stream.JoinRequest) *stream.Refusal {
	fold := n.members.fold()
	if err := certs.CheckName(r.Name); err != nil {
		return &stream.Refusal{Code: stream.NameTaken, Text: err.Error()}
	}
	if r.Members > 1 && certs.MeshID(r.Mesh) != fold.Mesh {
		return &stream.Refusal{
			Code: stream.OtherMesh, Text: fmt.Sprintf("%s already belongs to another mesh", r.Name),
			Facts: []string{n.name(), strconv.Itoa(r.Members)},
		}
	}
	if why, gone := n.removed(r.Peer); gone {
		return &stream.Refusal{Code: stream.NotMember, Text: why}
	}
	for id, m := range fold.Members {
		if m.Name == r.Name && id != r.Peer {
			return &stream.Refusal{Code: stream.NameTaken, Text: fmt.Sprintf("the mesh already has an appliance called %s", r.Name)}
		}
	}
	return nil
}

// greetPeer remembers how the joiner is reached, and gives it the grant the invite
// carries. A grant is worth nothing until it is a member.
func greetPeer(tx *state.Tx, r stream.JoinRequest, inv state.Invite, now time.Time) error {
	peer := state.Peer{
		ID: r.Peer, Name: r.Name, Version: r.Version, Instance: r.Instance, Paired: now, LastSeen: now,
		Addresses: cleanAddresses(r.Listen), LastAddress: r.Remote.String(),
	}
	if err := tx.PutPeer(peer); err != nil {
		return err
	}
	if inv.ReceiveInto.IsZero() {
		return nil
	}
	return tx.PutGrant(state.Grant{Peer: r.Peer, Pool: inv.ReceiveInto, PoolName: inv.ReceivePool, QuotaBytes: inv.QuotaBytes, Given: now})
}

func (n *Node) joinAnswer(tx *state.Tx, inv state.Invite, r stream.JoinRequest) (stream.JoinAnswer, error) {
	answer := stream.JoinAnswer{
		Name: n.name(), Version: n.cfg.Version, Proof: inv.Key.Inviter(r.Exporter, n.me, r.Peer), Addresses: n.listenAddresses(),
		Time: n.now(), Admission: inv.Admission, Appliances: []string{r.Name}, Records: bytesOfRecords(n.members.now.Load().set.All()),
	}
	for id, m := range n.members.fold().Members {
		if id != r.Peer {
			answer.Appliances = append(answer.Appliances, m.Name)
		}
	}
	slices.Sort(answer.Appliances)
	held, vouched := n.members.rulings()
	for _, h := range held {
		answer.Held = append(answer.Held, h)
	}
	for _, h := range vouched {
		answer.Vouched = append(answer.Vouched, h)
	}
	grants, err := tx.GrantsTo(r.Peer)
	for _, g := range grants {
		answer.Granted = append(answer.Granted, g.PoolName)
	}
	return answer, err
}

// Confirm makes the joiner a member of the mesh: it has stored the records and
// consents. It implements stream.Handler, and may come again.
func (n *Node) Confirm(_ context.Context, joiner certs.ID, consent []byte) error {
	admission, err := n.admissionOf(joiner)
	if err != nil {
		return err
	}
	if len(consent) != ed25519.SignatureSize {
		return fmt.Errorf("consent of %s: %d bytes", joiner.Short(), len(consent))
	}
	record, err := admission.With([ed25519.SignatureSize]byte(consent))
	if err != nil {
		return err
	}
	return n.members.issue(record)
}

// admissionOf finds what was signed for a joiner, the newest if there is more.
func (n *Node) admissionOf(joiner certs.ID) (certs.Admission, error) {
	var raw []byte
	err := n.store.View(func(tx *state.Tx) error {
		all, err := tx.Invites()
		for _, inv := range all {
			if inv.Bound == joiner {
				raw = inv.Admission
			}
		}
		return err
	})
	if err != nil {
		return certs.Admission{}, err
	}
	return certs.ParseAdmission(raw)
}
