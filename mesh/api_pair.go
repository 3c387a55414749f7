package mesh

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"time"

	"btrmesh/certs"
	"btrmesh/mesh/control"
	"btrmesh/state"
	"btrmesh/stream"
)

// The shortest and longest life of an invite.
const (
	leastInviteLife = time.Minute
	mostInviteLife  = 24 * time.Hour
)

// invite makes an invite; its code is told here once and kept nowhere.
func (a api) invite(_ context.Context, req control.CreateInvite) (control.Invite, error) {
	life := time.Duration(req.TTLSeconds) * time.Second
	if req.TTLSeconds == 0 {
		life = inviteLife
	}
	if life < leastInviteLife || life > mostInviteLife {
		return control.Invite{}, control.Usage("an invite lives between %s and %s.", control.Duration(leastInviteLife), control.Duration(mostInviteLife))
	}
	var into *Pool
	if req.ReceiveInto != "" {
		var err error
		if into, err = a.localPool(req.ReceiveInto); err != nil {
			return control.Invite{}, err
		}
	}
	rec, inv, err := a.newInvite(life, into, uint64(max(req.QuotaBytes, 0)))
	if err != nil {
		return control.Invite{}, err
	}
	a.log.Info("invite opened", "invite", rec.Number, "expires", rec.Expires)
	shown := a.shownInvite(rec, "")
	shown.Code = inv.Code()
	return shown, nil
}

func (a api) shownInvite(rec state.Invite, joiner string) control.Invite {
	shown := control.Invite{
		Number: rec.Number, Appliance: a.name(), ApplianceID: a.me.String(), CreatedAt: rec.Created, ExpiresAt: rec.Expires,
		ReceiveInto: rec.ReceivePool, QuotaBytes: quotaOf(rec.QuotaBytes), State: inviteState(rec, a.now()),
	}
	if own := a.listenAddresses(); len(own) > 0 {
		shown.Address = withoutPort(own[0])
	}
	if !rec.Bound.IsZero() {
		shown.UsedBy = &control.Joiner{Name: joiner, ID: rec.Bound.String(), Address: rec.BoundFrom, At: rec.BoundAt}
	}
	return shown
}

func inviteState(rec state.Invite, now time.Time) string {
	switch {
	case !rec.Bound.IsZero():
		return control.UsedInvite
	case rec.TriesLeft == 0:
		return control.RevokedInvite
	case !inviteLives(rec, now):
		return control.ExpiredInvite
	}
	return control.OpenInvite
}

// invites lists the open ones.
func (a api) invites(context.Context, control.InvitesRequest) ([]control.Invite, error) {
	list := []control.Invite{}
	err := a.store.View(func(tx *state.Tx) error {
		all, err := tx.Invites()
		for _, rec := range all {
			if inviteState(rec, a.now()) == control.OpenInvite {
				list = append(list, a.shownInvite(rec, ""))
			}
		}
		return err
	})
	return list, err
}

// followInvite tells of an invite each time its state changes, until it is over.
func (a api) followInvite(ctx context.Context, req control.InviteRequest, send func(control.Invite) error) error {
	last := ""
	return poll(ctx, nil, func() (bool, error) {
		shown, err := a.inviteNumber(req.Number)
		if err != nil {
			return false, err
		}
		if shown.State != last {
			last = shown.State
			if err := send(shown); err != nil {
				return false, err
			}
		}
		return shown.State != control.OpenInvite, nil
	})
}

func (a api) inviteNumber(number uint64) (control.Invite, error) {
	var shown control.Invite
	err := a.store.View(func(tx *state.Tx) error {
		rec, ok, err := tx.Invite(number)
		if err == nil && !ok {
			return control.InviteNotFound(number)
		}
		shown = a.shownInvite(rec, a.peerName(tx, rec.Bound))
		return err
	})
	return shown, err
}

// revokeInvite closes an open invite.
func (a api) revokeInvite(_ context.Context, req control.InviteRequest) (control.Invite, error) {
	var shown control.Invite
	err := a.store.Update(func(tx *state.Tx) error {
		rec, ok, err := tx.Invite(req.Number)
		if err != nil {
			return err
		}
		if !ok || inviteState(rec, a.now()) != control.OpenInvite {
			return control.InviteNotFound(req.Number)
		}
		rec.WipeKey()
		rec.TriesLeft = 0
		shown = a.shownInvite(rec, "")
		return tx.PutInvite(rec)
	})
	return shown, err
}

// join joins the mesh of the appliance that made an invite.
func (a api) join(ctx context.Context, req control.JoinMesh) (control.Joined, error) {
	inv, err := certs.ParseInvite(req.Code)
	if err != nil {
		return control.Joined{}, control.Usage("%v.", err)
	}
	if inv.Matches(a.me) {
		return control.Joined{}, control.Usage("this invite is %s's own; it is for the other appliance.", a.name())
	}
	var into *Pool
	if req.ReceiveInto != "" {
		if into, err = a.localPool(req.ReceiveInto); err != nil {
			return control.Joined{}, err
		}
	}
	address := withPort(req.Address)
	asked := a.now()
	answer, err := a.Node.join(ctx, inv, address, into, uint64(max(req.QuotaBytes, 0)))
	if err != nil {
		return control.Joined{}, a.explainJoin(err, address)
	}
	return a.joined(answer, address, asked, into), nil
}

func (a api) joined(answer stream.JoinAnswer, address string, asked time.Time, into *Pool) control.Joined {
	offset := answer.Time.Sub(asked.Add(a.now().Sub(asked) / 2))
	done := control.Joined{
		Inviter: answer.Name, InviterID: answer.Peer.String(), Address: address, ClockOffsetSeconds: seconds(offset),
		Self: a.name(), Appliances: answer.Appliances,
	}
	if len(answer.Granted) > 0 {
		done.MayWriteInto = answer.Granted[0]
	}
	if into != nil {
		done.MayReceiveInto = into.Name
	}
	for _, p := range a.Node.pools.all() {
		done.Pools = append(done.Pools, p.Name)
	}
	return done
}

// explainJoin puts a failed pairing into words.
func (a api) explainJoin(err error, address string) *control.Error {
	host := address
	if h, _, splitErr := net.SplitHostPort(address); splitErr == nil {
		host = h
	}
	if wrong, ok := errors.AsType[*certs.MismatchError](err); ok {
		return control.InviteMismatch(host, wrong.Shown.Short(), wrong.Want)
	}
	if gone, ok := errors.AsType[*stream.UnreachableError](err); ok {
		return unreachableJoin(host, gone)
	}
	if v, ok := errors.AsType[*stream.ProtocolError](err); ok {
		return control.ProtocolMismatch(host, int64(v.Theirs.Max), int64(v.Ours.Max))
	}
	if no, ok := errors.AsType[*stream.Refusal](err); ok {
		return a.explainRefusedJoin(no, host)
	}
	if half, ok := errors.AsType[*unconfirmedError](err); ok {
		return control.Errorf(control.CodeInviteRefused, "%s did not confirm: %v.", half.inviter, half.err).
			Fact("run the same command again; the invite is still good for this appliance")
	}
	return control.AsError(err)
}

// unreachableJoin tells an appliance that has no invite open, and therefore
// does not talk to strangers, from one that is not there.
func unreachableJoin(host string, gone *stream.UnreachableError) *control.Error {
	for _, a := range gone.Tried {
		if strings.Contains(a.Why, "not open") {
			return control.Errorf(control.CodeInviteRefused, "%s has no open invite.", host).HintOn(host, "sudo btrmesh pair invite")
		}
	}
	e := unreachable(host, gone)
	e.Hints = nil // it is no member that could be looked into
	return e.Fact("is the daemon running there, and is its UDP port open?")
}

func (a api) explainRefusedJoin(no *stream.Refusal, host string) *control.Error {
	switch no.Code {
	case stream.InviteExpired:
		return control.InviteExpired(host, sinceFact(no, 0))
	case stream.InviteUsed:
		return inviteUsed(no)
	case stream.NameTaken:
		return control.NameTaken(a.name())
	case stream.OtherMesh:
		return otherMesh(a.name(), no)
	case stream.NotMember:
		return control.Errorf(control.CodePeerRemoved, "%s was %s.", a.name(), no.Text).
			Fact("a removed appliance comes back with a new identity only: stop btrmesh, remove its state directory, start it, and use a new invite").
			HintOn(host, "sudo btrmesh pair invite")
	case stream.InviteUnknown, stream.BadProof:
		return control.InviteRefused(host)
	default:
		return control.Errorf(no.Code.String(), "%s: %s.", host, no.Text)
	}
}

// otherMesh says that this appliance has a mesh already.
func otherMesh(here string, no *stream.Refusal) *control.Error {
	inviter, members := "the inviter", 0
	if len(no.Facts) == 2 {
		inviter = no.Facts[0]
		members, _ = strconv.Atoi(no.Facts[1]) // 0 is not shown as a number of members
	}
	return control.OtherMesh(here, int64(members), inviter)
}

// sinceFact returns how long ago the time in fact i was; 0 if there is none.
func sinceFact(no *stream.Refusal, i int) time.Duration {
	if i >= len(no.Facts) {
		return 0
	}
	at, err := time.Parse(time.RFC3339, no.Facts[i])
	if err != nil {
		return 0
	}
	return time.Since(at)
}

func inviteUsed(no *stream.Refusal) *control.Error {
	if len(no.Facts) < 3 {
		return control.Errorf(control.CodeInviteUsed, "this invite was used already.")
	}
	at, err := time.Parse(time.RFC3339, no.Facts[1])
	if err != nil {
		return control.Errorf(control.CodeInviteUsed, "this invite was used by %s.", no.Facts[0])
	}
	return control.InviteUsed(no.Facts[0], at, no.Facts[2])
}
