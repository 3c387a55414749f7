package stream

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"

	"btrmesh/certs"
)

// inviter lets n redeem inv once, as the engine does.
func (n *node) inviter(t *testing.T) certs.Invite {
	t.Helper()
	inv, err := certs.NewInvite(n.id)
	if err != nil {
		t.Fatal(err)
	}
	n.pairing = true
	n.redeem = func(r JoinRequest) (JoinAnswer, error) {
		key := inv.Key()
		switch {
		case r.InviteID != inv.ID:
			return JoinAnswer{}, &Refusal{Code: InviteUnknown}
		case !certs.Equal(r.Proof, key.Joiner(r.Exporter, r.Peer, n.id)):
			return JoinAnswer{}, &Refusal{Code: BadProof}
		}
		return JoinAnswer{Name: "nas-a", Proof: key.Inviter(r.Exporter, n.id, r.Peer), Appliances: []string{"nas-a"}}, nil
	}
	return inv
}

func (f *fabric) strangers() {
	f.set(func() { clear(f.members) })
}

func TestJoinWithTheRightInvite(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		f.strangers()
		a, j := f.nodes[0], f.nodes[1]
		inv := a.inviter(t)
		var seen JoinRequest
		check := a.redeem
		a.redeem = func(r JoinRequest) (JoinAnswer, error) {
			seen = r
			return check(r)
		}
		confirmed := certs.ID{}
		a.confirm = func(id certs.ID, _ []byte) error {
			confirmed = id
			return nil
		}
		me := JoinHello{Name: "nas-b", Version: "1.0", Instance: [16]byte{9}, Listen: []string{j.addr}}
		answer, confirm, err := j.Join(t.Context(), a.addr, inv, me)
		if err != nil {
			t.Fatal(err)
		}
		if answer.Name != "nas-a" || seen.Peer != j.id || seen.Remote.String() != j.addr || seen.Name != "nas-b" || seen.Instance != me.Instance {
			t.Errorf("answer %+v to %+v", answer, seen)
		}
		if !confirmed.IsZero() {
			t.Error("confirmed before the joiner has stored anything")
		}
		if err := confirm(t.Context(), nil); err != nil || confirmed != j.id {
			t.Errorf("confirmed %s, %v", confirmed, err)
		}
	})
}

func TestJoinBringsTheRecordsAndTheConsent(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		f.strangers()
		a, j := f.nodes[0], f.nodes[1]
		inv := a.inviter(t)
		a.records.fill(1, 3000, 800)
		admission, consent := bytes.Repeat([]byte{7}, maxRecord), bytes.Repeat([]byte{8}, 64)
		check := a.redeem
		a.redeem = func(r JoinRequest) (JoinAnswer, error) {
			if certs.IDOf(r.Key) != j.id {
				t.Errorf("key %x", r.Key)
			}
			answer, err := check(r)
			answer.Admission, answer.Records = admission, a.records.Records(a.records.Hashes())
			return answer, err
		}
		var got []byte
		a.confirm = func(_ certs.ID, b []byte) error {
			got = b
			return nil
		}
		for range 2 { // as after a crash
			answer, confirm, err := j.Join(t.Context(), a.addr, inv, JoinHello{Name: "nas-b"})
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(answer.Admission, admission) || len(answer.Records) != 3000 || len(answer.Records[2999]) != 800 {
				t.Errorf("admission of %d bytes, %d records", len(answer.Admission), len(answer.Records))
			}
			if err := confirm(t.Context(), consent); err != nil || !bytes.Equal(got, consent) {
				t.Errorf("consent of %d bytes, %v", len(got), err)
			}
		}
		_, confirm, err := j.Join(t.Context(), a.addr, inv, JoinHello{Name: "nas-b"})
		if err != nil {
			t.Fatal(err)
		}
		if err := confirm(t.Context(), consent[1:]); err == nil || errors.Is(err, ErrLost) {
			t.Errorf("consent of 63 bytes: %v", err)
		}
	})
}

func TestJoinFailsWithoutTheSecret(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		f.strangers()
		a, j := f.nodes[0], f.nodes[1]
		inv := a.inviter(t)
		inv.Secret[0] ^= 1
		if _, _, err := j.Join(t.Context(), a.addr, inv, JoinHello{Name: "nas-b"}); !errors.Is(err, &Refusal{Code: BadProof}) {
			t.Errorf("got %v", err)
		}
	})
}

func TestInviterWithoutTheSecretIsNotBelieved(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		f.strangers()
		a, j := f.nodes[0], f.nodes[1]
		inv := a.inviter(t)
		a.redeem = func(JoinRequest) (JoinAnswer, error) { return JoinAnswer{Name: "nas-a"}, nil }
		if _, _, err := j.Join(t.Context(), a.addr, inv, JoinHello{Name: "nas-b"}); !errors.Is(err, ErrProof) {
			t.Errorf("got %v", err)
		}
	})
}

func TestAnotherApplianceThanTheInviterIsNamed(t *testing.T) {
	onNet(t, 3, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		f.strangers()
		a, j, other := f.nodes[0], f.nodes[1], f.nodes[2]
		inv := a.inviter(t)
		other.inviter(t)
		other.redeem = func(JoinRequest) (JoinAnswer, error) {
			t.Error("another appliance was told about the invite")
			return JoinAnswer{}, nil
		}
		_, _, err := j.Join(t.Context(), other.addr, inv, JoinHello{Name: "nas-b"})
		if m, ok := errors.AsType[*certs.MismatchError](err); !ok || m.Shown != other.id {
			t.Errorf("got %v", err)
		}
	})
}

// A relay in the middle holds two connections with two exporters: a proof made
// for one does not hold on the other.
func TestProofHoldsOnOneConnectionOnly(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		f.strangers()
		a, j := f.nodes[0], f.nodes[1]
		inv := a.inviter(t)
		check := a.redeem
		var first *JoinRequest
		a.redeem = func(r JoinRequest) (JoinAnswer, error) {
			if first == nil {
				first = &r
				return JoinAnswer{}, &Refusal{Code: Busy}
			}
			if bytes.Equal(first.Exporter, r.Exporter) {
				t.Error("two connections export the same key")
			}
			r.Proof = first.Proof // as relayed
			return check(r)
		}
		if _, _, err := j.Join(t.Context(), a.addr, inv, JoinHello{Name: "nas-b"}); !errors.Is(err, &Refusal{Code: Busy}) {
			t.Errorf("first: %v", err)
		}
		if _, _, err := j.Join(t.Context(), a.addr, inv, JoinHello{Name: "nas-b"}); !errors.Is(err, &Refusal{Code: BadProof}) {
			t.Errorf("second: %v", err)
		}
	})
}

func TestLostConfirmationIsSettledByJoiningAgain(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		f.strangers()
		a, j := f.nodes[0], f.nodes[1]
		inv := a.inviter(t)
		confirmed := 0
		a.confirm = func(certs.ID, []byte) error {
			confirmed++
			return nil
		}
		_, confirm, err := j.Join(t.Context(), a.addr, inv, JoinHello{Name: "nas-b"})
		if err != nil {
			t.Fatal(err)
		}
		f.set(func() { f.drop = func(simnet.Packet) bool { return true } })
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := confirm(ctx, nil); !errors.Is(err, context.DeadlineExceeded) || confirmed != 0 {
			t.Errorf("got %v, confirmed %d times", err, confirmed)
		}
		f.set(func() { f.drop = nil })
		_, confirm, err = j.Join(t.Context(), a.addr, inv, JoinHello{Name: "nas-b"})
		if err != nil {
			t.Fatal(err)
		}
		if err := confirm(t.Context(), nil); err != nil || confirmed != 1 {
			t.Errorf("got %v, confirmed %d times", err, confirmed)
		}
	})
}

func TestForgottenConfirmationEndsWithItsContext(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		f.strangers()
		a, j := f.nodes[0], f.nodes[1]
		inv := a.inviter(t)
		ctx, cancel := context.WithCancel(t.Context())
		_, confirm, err := j.Join(ctx, a.addr, inv, JoinHello{Name: "nas-b"})
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		time.Sleep(time.Second)
		if err := confirm(t.Context(), nil); err == nil {
			t.Error("confirmed on a closed connection")
		}
		if n := a.joining.Load(); n != 0 {
			t.Errorf("%d pairing connections", n)
		}
	})
}

func TestNobodyJoinsWithoutAnOpenInvite(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		f.strangers()
		a, j := f.nodes[0], f.nodes[1]
		inv := a.inviter(t)
		a.pairing = false
		_, _, err := j.Join(t.Context(), a.addr, inv, JoinHello{Name: "nas-b"})
		if _, ok := errors.AsType[*UnreachableError](err); !ok || !strings.Contains(err.Error(), "not open for this") {
			t.Errorf("got %v", err)
		}
	})
}

func TestJoinersAreSlowedDown(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		f.strangers()
		a, j := f.nodes[0], f.nodes[1]
		inv := a.inviter(t)
		inv.Secret[0] ^= 1
		asked := 0
		a.redeem = func(JoinRequest) (JoinAnswer, error) {
			asked++
			return JoinAnswer{}, &Refusal{Code: BadProof}
		}
		for range 3 * joinsBurst {
			_, _, _ = j.Join(t.Context(), a.addr, inv, JoinHello{Name: "nas-b"})
		}
		if asked > joinsBurst+1 {
			t.Errorf("%d guesses at once", asked)
		}
	})
}
