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

// meeting is an appliance with an open invite and one that is to join it, in a
// fabric of strangers.
type meeting struct {
	*fabric
	a, j *node // inviter and joiner
	inv  certs.Invite
}

func (f *fabric) meet(t *testing.T) *meeting {
	t.Helper()
	f.set(func() { clear(f.members) })
	return &meeting{fabric: f, a: f.nodes[0], j: f.nodes[1], inv: f.nodes[0].inviter(t)}
}

// onMeeting runs test on a meeting of two.
func onMeeting(t *testing.T, test func(t *testing.T, m *meeting)) {
	t.Helper()
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		test(t, f.meet(t))
	})
}

func (m *meeting) join(ctx context.Context) (JoinAnswer, Confirm, error) {
	return m.j.Join(ctx, m.a.addr, m.inv, JoinHello{Name: "nas-b"})
}

// mustJoin returns what the inviter answered, and how to confirm it.
func (m *meeting) mustJoin(ctx context.Context, t *testing.T) (JoinAnswer, Confirm) {
	t.Helper()
	answer, confirm, err := m.join(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return answer, confirm
}

func TestJoinWithTheRightInvite(t *testing.T) {
	onMeeting(t, func(t *testing.T, m *meeting) {
		t.Helper()
		var seen JoinRequest
		check := m.a.redeem
		m.a.redeem = func(r JoinRequest) (JoinAnswer, error) {
			seen = r
			return check(r)
		}
		confirmed := certs.ID{}
		m.a.confirm = func(id certs.ID, _ []byte) error {
			confirmed = id
			return nil
		}
		me := JoinHello{Name: "nas-b", Version: "1.0", Instance: [16]byte{9}, Listen: []string{m.j.addr}}
		answer, confirm, err := m.j.Join(t.Context(), m.a.addr, m.inv, me)
		if err != nil {
			t.Fatal(err)
		}
		if answer.Name != "nas-a" || seen.Peer != m.j.id || seen.Remote.String() != m.j.addr || seen.Name != "nas-b" || seen.Instance != me.Instance {
			t.Errorf("answer %+v to %+v", answer, seen)
		}
		if !confirmed.IsZero() {
			t.Error("confirmed before the joiner has stored anything")
		}
		if err := confirm(t.Context(), nil); err != nil || confirmed != m.j.id {
			t.Errorf("confirmed %s, %v", confirmed, err)
		}
	})
}

func TestJoinBringsTheRecordsAndTheConsent(t *testing.T) {
	onMeeting(t, func(t *testing.T, m *meeting) {
		t.Helper()
		m.a.records.fill(1, 3000, 800)
		admission, consent := bytes.Repeat([]byte{7}, maxRecord), bytes.Repeat([]byte{8}, 64)
		check := m.a.redeem
		m.a.redeem = func(r JoinRequest) (JoinAnswer, error) {
			if certs.IDOf(r.Key) != m.j.id {
				t.Errorf("key %x", r.Key)
			}
			answer, err := check(r)
			answer.Admission, answer.Records = admission, m.a.records.Records(m.a.records.Hashes())
			return answer, err
		}
		var got []byte
		m.a.confirm = func(_ certs.ID, b []byte) error {
			got = b
			return nil
		}
		for range 2 { // as after a crash
			answer, confirm := m.mustJoin(t.Context(), t)
			if !bytes.Equal(answer.Admission, admission) || len(answer.Records) != 3000 || len(answer.Records[2999]) != 800 {
				t.Errorf("admission of %d bytes, %d records", len(answer.Admission), len(answer.Records))
			}
			if err := confirm(t.Context(), consent); err != nil || !bytes.Equal(got, consent) {
				t.Errorf("consent of %d bytes, %v", len(got), err)
			}
		}
		_, confirm := m.mustJoin(t.Context(), t)
		if err := confirm(t.Context(), consent[1:]); err == nil || errors.Is(err, ErrLost) {
			t.Errorf("consent of 63 bytes: %v", err)
		}
	})
}

func TestJoinFailsWithoutTheSecret(t *testing.T) {
	onMeeting(t, func(t *testing.T, m *meeting) {
		t.Helper()
		m.inv.Secret[0] ^= 1
		if _, _, err := m.join(t.Context()); !errors.Is(err, &Refusal{Code: BadProof}) {
			t.Errorf("got %v", err)
		}
	})
}

func TestInviterWithoutTheSecretIsNotBelieved(t *testing.T) {
	onMeeting(t, func(t *testing.T, m *meeting) {
		t.Helper()
		m.a.redeem = func(JoinRequest) (JoinAnswer, error) { return JoinAnswer{Name: "nas-a"}, nil }
		if _, _, err := m.join(t.Context()); !errors.Is(err, ErrProof) {
			t.Errorf("got %v", err)
		}
	})
}

func TestAnotherApplianceThanTheInviterIsNamed(t *testing.T) {
	onNet(t, 3, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		m, other := f.meet(t), f.nodes[2]
		other.inviter(t)
		other.redeem = func(JoinRequest) (JoinAnswer, error) {
			t.Error("another appliance was told about the invite")
			return JoinAnswer{}, nil
		}
		_, _, err := m.j.Join(t.Context(), other.addr, m.inv, JoinHello{Name: "nas-b"})
		if m, ok := errors.AsType[*certs.MismatchError](err); !ok || m.Shown != other.id {
			t.Errorf("got %v", err)
		}
	})
}

// A relay in the middle holds two connections with two exporters: a proof made
// for one does not hold on the other.
func TestProofHoldsOnOneConnectionOnly(t *testing.T) {
	onMeeting(t, func(t *testing.T, m *meeting) {
		t.Helper()
		check := m.a.redeem
		var first *JoinRequest
		m.a.redeem = func(r JoinRequest) (JoinAnswer, error) {
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
		if _, _, err := m.join(t.Context()); !errors.Is(err, &Refusal{Code: Busy}) {
			t.Errorf("first: %v", err)
		}
		if _, _, err := m.join(t.Context()); !errors.Is(err, &Refusal{Code: BadProof}) {
			t.Errorf("second: %v", err)
		}
	})
}

func TestLostConfirmationIsSettledByJoiningAgain(t *testing.T) {
	onMeeting(t, func(t *testing.T, m *meeting) {
		t.Helper()
		confirmed := 0
		m.a.confirm = func(certs.ID, []byte) error {
			confirmed++
			return nil
		}
		_, confirm := m.mustJoin(t.Context(), t)
		m.set(func() { m.drop = func(simnet.Packet) bool { return true } })
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := confirm(ctx, nil); !errors.Is(err, context.DeadlineExceeded) || confirmed != 0 {
			t.Errorf("got %v, confirmed %d times", err, confirmed)
		}
		m.set(func() { m.drop = nil })
		_, confirm = m.mustJoin(t.Context(), t)
		if err := confirm(t.Context(), nil); err != nil || confirmed != 1 {
			t.Errorf("got %v, confirmed %d times", err, confirmed)
		}
	})
}

func TestForgottenConfirmationEndsWithItsContext(t *testing.T) {
	onMeeting(t, func(t *testing.T, m *meeting) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		_, confirm := m.mustJoin(ctx, t)
		cancel()
		time.Sleep(time.Second)
		if err := confirm(t.Context(), nil); err == nil {
			t.Error("confirmed on a closed connection")
		}
		if n := m.a.joining.Load(); n != 0 {
			t.Errorf("%d pairing connections", n)
		}
	})
}

func TestNobodyJoinsWithoutAnOpenInvite(t *testing.T) {
	onMeeting(t, func(t *testing.T, m *meeting) {
		t.Helper()
		m.a.pairing = false
		_, _, err := m.join(t.Context())
		if _, ok := errors.AsType[*UnreachableError](err); !ok || !strings.Contains(err.Error(), "not open for this") {
			t.Errorf("got %v", err)
		}
	})
}

func TestJoinersAreSlowedDown(t *testing.T) {
	onMeeting(t, func(t *testing.T, m *meeting) {
		t.Helper()
		m.inv.Secret[0] ^= 1
		asked := 0
		m.a.redeem = func(JoinRequest) (JoinAnswer, error) {
			asked++
			return JoinAnswer{}, &Refusal{Code: BadProof}
		}
		for range 3 * joinsBurst {
			_, _, _ = m.join(t.Context())
		}
		if asked > joinsBurst+1 {
			t.Errorf("%d guesses at once", asked)
		}
	})
}
