package mesh

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"btrmesh/certs"
	"btrmesh/mesh/control"
	"btrmesh/state"
	"btrmesh/stream"
)

func TestOfManyAtOnceOneInviteAdmitsOne(t *testing.T) {
	const many = 20
	sail(t, many+1, func(f *fleet) {
		t := f.t
		a := f.nodes[0]
		code, _ := a.hand(control.CreateInvite{})
		ended := make(chan error, many)
		for _, m := range f.nodes[1:] {
			go func() {
				_, err := m.enter(code, a)
				ended <- err
			}()
		}
		admitted := 0
		for range many {
			if err := <-ended; err == nil {
				admitted++
			}
		}
		if admitted != 1 {
			t.Errorf("%d were admitted", admitted)
		}
		if got := strings.Count(a.knows(), "nas-"); got != 2 {
			t.Errorf("nas-a knows %s", a.knows())
		}
	})
}

func TestOneTransactionDecidesWhoRedeemsAnInvite(t *testing.T) {
	const many = 100
	sail(t, 1, func(f *fleet) {
		t := f.t
		a := f.nodes[0]
		code, _ := a.hand(control.CreateInvite{})
		inv, err := certs.ParseInvite(code)
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, many)
		for i := range many {
			go func() { ended <- a.redeemAs(inv, byte(i+1)) }()
		}
		admitted, told := 0, map[string]int{}
		for range many {
			err := <-ended
			no, ok := errors.AsType[*stream.Refusal](err)
			switch {
			case err == nil:
				admitted++
			case ok && no.Code == stream.InviteUsed:
				told[no.Facts[0]]++
			default:
				t.Errorf("refused with %v", err)
			}
		}
		if admitted != 1 || len(told) != 1 {
			t.Errorf("%d were admitted; the others hear of %v", admitted, told)
		}
		used, err := a.inviteNumber(1)
		if err != nil || !strings.Contains(used.UsedBy.ID, slices.Collect(maps.Keys(told))[0]) {
			t.Errorf("used by %+v, %v; the others hear of %v", used.UsedBy, err, told)
		}
	})
}

// redeemAs redeems an invite of m's for a made-up appliance.
func (m *member) redeemAs(inv certs.Invite, who byte) error {
	key := ed25519.PublicKey(bytes.Repeat([]byte{who}, ed25519.PublicKeySize))
	peer, exporter := certs.IDOf(key), []byte("exporter")
	_, err := m.Redeem(m.ctx(), stream.JoinRequest{
		JoinHello: stream.JoinHello{Name: fmt.Sprintf("nas-%d", who)}, Peer: peer, Key: key, Remote: netip.MustParseAddrPort("10.0.0.9:7945"),
		InviteID: inv.ID, Exporter: exporter, Proof: inv.Key().Joiner(exporter, peer, m.identity.ID()),
	})
	return err
}

func TestTheGrantOfAnInviteIsGivenOnce(t *testing.T) {
	sail(t, 2, func(f *fleet) {
		t := f.t
		a, b := f.nodes[0], f.nodes[1]
		code, _ := b.hand(control.CreateInvite{ReceiveInto: "tank"})
		if _, err := a.enter(code, b); err != nil {
			t.Fatal(err)
		}
		deny(t, b)
		if _, err := a.enter(code, b); err != nil {
			t.Fatal(err)
		}
		var grants []state.Grant
		b.view(func(tx *state.Tx) (err error) {
			grants, err = tx.Grants()
			return err
		})
		if len(grants) != 0 {
			t.Errorf("a grant that was withdrawn is back: %+v", grants)
		}
	})
}
