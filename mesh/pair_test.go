package mesh

import (
	"slices"
	"strings"
	"testing"
	"time"

	"btrmesh/certs"
	"btrmesh/mesh/control"
)

// hand makes an invite on m and returns its code and number.
func (m *member) hand(req control.CreateInvite) (string, uint64) {
	m.t.Helper()
	inv, err := m.invite(m.ctx(), req)
	if err != nil {
		m.t.Fatal(err)
	}
	return inv.Code, inv.Number
}

// enter is pair join on m.
func (m *member) enter(code string, at *member) (control.Joined, error) {
	return m.api.join(m.ctx(), control.JoinMesh{Code: code, Address: at.address()})
}

// knows lists the appliances m lists, by name.
func (m *member) knows() string {
	m.t.Helper()
	list, err := m.appliances(m.ctx(), control.AppliancesRequest{})
	if err != nil {
		m.t.Fatal(err)
	}
	var names []string
	for _, p := range list {
		names = append(names, p.Name+" "+p.State)
	}
	return strings.Join(names, ", ")
}

// wantMet checks that nas-a and nas-b know each other and are online.
func wantMet(a, b *member) {
	a.t.Helper()
	if a.knows() != "nas-a online, nas-b online" || b.knows() != "nas-b online, nas-a online" {
		a.t.Errorf("nas-a knows %s; nas-b knows %s", a.knows(), b.knows())
	}
}

func TestPairedAppliancesListEachOther(t *testing.T) {
	sail(t, 2, func(f *fleet) {
		t := f.t
		a, b := f.nodes[0], f.nodes[1]
		code, number := a.hand(control.CreateInvite{ReceiveInto: "tank", QuotaBytes: 1 << 30})
		joined, err := b.enter(code, a)
		if err != nil {
			t.Fatal(err)
		}
		if joined.Inviter != "nas-a" || joined.InviterID != a.id() || joined.MayWriteInto != "tank" || !slices.Equal(joined.Appliances, []string{"nas-a", "nas-b"}) {
			t.Errorf("joined: %+v", joined)
		}
		time.Sleep(10 * time.Second)
		wantMet(a, b)
		used, err := a.inviteNumber(number)
		if err != nil || used.State != control.UsedInvite || used.UsedBy.Name != "nas-b" || used.UsedBy.ID != b.id() {
			t.Errorf("invite: %+v, %v", used, err)
		}
		a.restart()
		b.restart()
		time.Sleep(10 * time.Second)
		wantMet(a, b)
	})
}

func TestAWrongSecretIsRefusedAndCostsATry(t *testing.T) {
	sail(t, 2, func(f *fleet) {
		t := f.t
		a, b := f.nodes[0], f.nodes[1]
		code, number := a.hand(control.CreateInvite{})
		right, err := certs.ParseInvite(code)
		if err != nil {
			t.Fatal(err)
		}
		guess, err := certs.NewInvite(a.identity.ID())
		if err != nil {
			t.Fatal(err)
		}
		guess.ID = right.ID
		for range inviteTries {
			_, err := b.enter(guess.Code(), a)
			wantCode(t, err, control.CodeInviteRefused)
			time.Sleep(2 * time.Second)
		}
		_, err = b.enter(code, a)
		wantCode(t, err, control.CodeInviteRefused) // the right one comes too late
		shown, err := a.inviteNumber(number)
		if err != nil || shown.State == control.OpenInvite {
			t.Errorf("invite: %+v, %v", shown, err)
		}
		if a.knows() != "nas-a online" || b.knows() != "nas-b online" {
			t.Errorf("nas-a knows %s; nas-b knows %s", a.knows(), b.knows())
		}
	})
}

func TestAnInviteIsNotTakenElsewhere(t *testing.T) {
	sail(t, 3, func(f *fleet) {
		t := f.t
		a, b, c := f.nodes[0], f.nodes[1], f.nodes[2]
		code, _ := a.hand(control.CreateInvite{})
		_, err := b.enter(code, c)
		wantCode(t, err, control.CodeInviteRefused) // no invite is open there
		c.hand(control.CreateInvite{})
		_, err = b.enter(code, c)
		wantCode(t, err, control.CodeInviteMismatch)
		if b.knows() != "nas-b online" || c.knows() != "nas-c online" {
			t.Errorf("nas-b knows %s; nas-c knows %s", b.knows(), c.knows())
		}
	})
}

func TestAnInviteServesOnce(t *testing.T) {
	sail(t, 3, func(f *fleet) {
		t := f.t
		a, b, c := f.nodes[0], f.nodes[1], f.nodes[2]
		code, _ := a.hand(control.CreateInvite{})
		if _, err := b.enter(code, a); err != nil {
			t.Fatal(err)
		}
		_, err := c.enter(code, a)
		wantCode(t, err, control.CodeInviteUsed)
		if err != nil && !strings.Contains(err.Error(), b.identity.ID().Short()) {
			t.Errorf("the error does not say who used it: %v", err)
		}
		if _, err := b.enter(code, a); err != nil {
			t.Errorf("the same key may come again: %v", err)
		}
		if open, err := a.invites(a.ctx(), control.InvitesRequest{}); len(open) != 0 || err != nil {
			t.Errorf("open invites: %+v, %v", open, err)
		}
	})
}

func TestAnExpiredInviteIsRefused(t *testing.T) {
	sail(t, 2, func(f *fleet) {
		t := f.t
		a, b := f.nodes[0], f.nodes[1]
		code, _ := a.hand(control.CreateInvite{TTLSeconds: 60})
		a.hand(control.CreateInvite{}) // another one keeps the door open
		time.Sleep(3 * time.Minute)
		_, err := b.enter(code, a)
		wantCode(t, err, control.CodeInviteExpired)
		if err != nil && err.Error() != "this invite expired 2 minutes ago." {
			t.Errorf("error is %v", err)
		}
		time.Sleep(2 * time.Hour)
		_, err = b.enter(code, a)
		wantCode(t, err, control.CodeInviteRefused)
		if err != nil && err.Error() != "10.0.0.1 has no open invite." {
			t.Errorf("error is %v", err)
		}
	})
}

func TestARevokedInviteIsRefused(t *testing.T) {
	sail(t, 2, func(f *fleet) {
		t := f.t
		a, b := f.nodes[0], f.nodes[1]
		code, number := a.hand(control.CreateInvite{})
		if got, err := a.revokeInvite(a.ctx(), control.InviteRequest{Number: number}); err != nil || got.State != control.RevokedInvite {
			t.Fatalf("revoke: %+v, %v", got, err)
		}
		_, err := b.enter(code, a)
		wantCode(t, err, control.CodeInviteRefused)
		_, err = a.revokeInvite(a.ctx(), control.InviteRequest{Number: number})
		wantCode(t, err, control.CodeInviteNotFound)
	})
}

func TestAnApplianceCannotJoinItself(t *testing.T) {
	sail(t, 1, func(f *fleet) {
		t := f.t
		code, _ := f.nodes[0].hand(control.CreateInvite{})
		_, err := f.nodes[0].enter(code, f.nodes[0])
		wantCode(t, err, control.CodeUsage)
		_, err = f.nodes[0].enter(code[:20], f.nodes[0])
		wantCode(t, err, control.CodeUsage)
	})
}

func TestANameThatIsTakenIsRefused(t *testing.T) {
	sail(t, 3, func(f *fleet) {
		t := f.t
		a, b, c := f.nodes[0], f.nodes[1], f.nodes[2]
		meet(a, b)
		c.halt()
		c.name = "nas-b"
		c.start()
		code, _ := a.hand(control.CreateInvite{})
		_, err := c.enter(code, a)
		wantCode(t, err, control.CodeNameTaken)
		c.halt()
		c.name = "nas-c"
		c.start()
		if _, err := c.enter(code, a); err != nil {
			t.Errorf("under another name: %v", err)
		}
	})
}

func TestAJoinThatWasInterruptedCanBeRepeated(t *testing.T) {
	sail(t, 2, func(f *fleet) {
		t := f.t
		a, b := f.nodes[0], f.nodes[1]
		code, _ := a.hand(control.CreateInvite{})
		f.muteOnce(a, func() bool { return strings.Contains(a.knows(), "nas-b") })
		_, err := b.enter(code, a)
		if err == nil {
			t.Error("joined without an answer")
		}
		f.lose(nil)
		if _, err := b.enter(code, a); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		wantMet(a, b)
	})
}

func TestAFollowedInviteTellsWhoUsedIt(t *testing.T) {
	sail(t, 2, func(f *fleet) {
		t := f.t
		a, b := f.nodes[0], f.nodes[1]
		code, number := a.hand(control.CreateInvite{})
		var told []string
		ended := make(chan error, 1)
		go func() {
			ended <- a.followInvite(a.ctx(), control.InviteRequest{Number: number}, func(i control.Invite) error {
				told = append(told, i.State)
				return nil
			})
		}()
		time.Sleep(5 * time.Second)
		if _, err := b.enter(code, a); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; err != nil || !slices.Equal(told, []string{control.OpenInvite, control.UsedInvite}) {
			t.Errorf("told %q, %v", told, err)
		}
	})
}
