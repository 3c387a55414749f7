package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"sync/atomic"
	"testing"
	"time"
)

func TestMembersMeet(t *testing.T) {
	a, b := stranger(t), stranger(t)
	c, s := connect(t, a.Client(b.ID(), members(b)), b.Server(Policy{Member: members(a)}))
	wantOpen(t, c, s, a, b, ALPNMesh)
}

func TestServerRefusesNonMember(t *testing.T) {
	a, b := stranger(t), stranger(t)
	for _, p := range []Policy{{Member: members(b)}, {}, {Pairing: open(true)}} {
		c, s := connect(t, a.Client(b.ID(), members(b)), b.Server(p))
		wantRefused(t, s, c, "appliance "+a.ID().Short()+": not a member")
		if !errors.Is(s.err, ErrNotMember) {
			t.Errorf("server: %v", s.err)
		}
	}
}

func TestClientRefusesNonMember(t *testing.T) {
	a, b := stranger(t), stranger(t)
	for _, member := range []func(ID) bool{members(a), nil} {
		c, s := connect(t, a.Client(b.ID(), member), b.Server(Policy{Member: members(a)}))
		wantRefused(t, c, s, "appliance "+b.ID().Short()+": not a member")
		if !errors.Is(c.err, ErrNotMember) {
			t.Errorf("client: %v", c.err)
		}
	}
}

func TestClientRefusesAnotherMemberThanDialled(t *testing.T) {
	a, b, other := stranger(t), stranger(t), stranger(t)
	c, s := connect(t, a.Client(other.ID(), members(b, other)), b.Server(Policy{Member: members(a)}))
	wantRefused(t, c, s, b.ID().Short()+" answered instead of "+other.ID().Short())
	m, ok := errors.AsType[*MismatchError](c.err)
	if !ok || m.Shown != b.ID() || m.Want != other.ID().Short() {
		t.Errorf("client: %v", c.err)
	}
}

func TestRevokedMemberIsOutAtTheNextHandshake(t *testing.T) {
	a, b := stranger(t), stranger(t)
	var asked, revoked atomic.Int32
	server := b.Server(Policy{Member: func(id ID) bool {
		asked.Add(1)
		return id == a.ID() && revoked.Load() == 0
	}})
	client := a.Client(b.ID(), members(b))
	c, s := connect(t, client, server)
	wantOpen(t, c, s, a, b, ALPNMesh)
	revoked.Store(1)
	c, s = connect(t, client, server)
	wantRefused(t, s, c, "not a member")
	if asked.Load() != 2 {
		t.Errorf("asked for membership %d times in 2 handshakes", asked.Load())
	}
}

func TestSessionsAreNotResumed(t *testing.T) {
	a, b := stranger(t), stranger(t)
	client, server := a.Client(b.ID(), members(b)), b.Server(Policy{Member: members(a)})
	client.ClientSessionCache = tls.NewLRUClientSessionCache(4)
	client.ServerName, client.SessionTicketsDisabled = "b", false
	for range 3 {
		c, s := connect(t, client, server)
		wantOpen(t, c, s, a, b, ALPNMesh)
		if c.state.DidResume || s.state.DidResume {
			t.Fatal("a session was resumed")
		}
	}
}

// Tickets are off; should they ever be on, a resumption must not spare the check.
func TestRevokedMemberCannotEvenResume(t *testing.T) {
	a, b := stranger(t), stranger(t)
	var revoked atomic.Bool
	server := b.Server(Policy{Member: func(ID) bool { return !revoked.Load() }})
	client := a.Client(b.ID(), members(b))
	client.ClientSessionCache = tls.NewLRUClientSessionCache(4)
	client.ServerName = "b"
	client.SessionTicketsDisabled, server.SessionTicketsDisabled = false, false
	if c, s := connect(t, client, server); c.err != nil || s.err != nil {
		t.Fatal(c.err, s.err)
	}
	if c, s := connect(t, client, server); !c.state.DidResume || c.err != nil || s.err != nil {
		t.Fatal("this test no longer resumes", c.err, s.err)
	}
	revoked.Store(true)
	c, s := connect(t, client, server)
	wantRefused(t, s, c, "not a member")
}

func TestOldTLSIsRefused(t *testing.T) {
	a, b := stranger(t), stranger(t)
	old := func(c *tls.Config) *tls.Config {
		c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
		return c
	}
	c, s := connect(t, old(a.Client(b.ID(), members(b))), b.Server(Policy{Member: members(a)}))
	wantRefused(t, s, c, "version")
	c, s = connect(t, a.Client(b.ID(), members(b)), old(b.Server(Policy{Member: members(a)})))
	wantRefused(t, c, s, "version")
}

func ecdsaCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestOnlyOneEd25519CertificateIsAccepted(t *testing.T) {
	a, b := stranger(t), stranger(t)
	two := a.held.certificate
	two.Certificate = [][]byte{two.Certificate[0], b.held.certificate.Certificate[0]}
	for name, c := range map[string]struct {
		chain []tls.Certificate
		why   string
	}{
		"two certificates": {[]tls.Certificate{two}, "2 certificates"},
		"ECDSA":            {[]tls.Certificate{ecdsaCertificate(t)}, "ECDSA key"},
		"none":             {nil, "certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			everybody := func(ID) bool { return true }
			client := a.Client(b.ID(), everybody)
			client.Certificates = c.chain
			near, far := connect(t, client, b.Server(Policy{Member: everybody, Pairing: open(true)}))
			wantRefused(t, far, near, c.why)

			client = a.PairClient(b.ID().Prefix())
			client.Certificates = c.chain
			near, far = connect(t, client, b.Server(Policy{Pairing: open(true)}))
			wantRefused(t, far, near, c.why)
			if c.chain == nil {
				return // a TLS server has one
			}
			server := a.Server(Policy{Member: everybody})
			server.Certificates = c.chain
			near, far = connect(t, b.Client(a.ID(), everybody), server)
			wantRefused(t, near, far, c.why)
			if !errors.Is(near.err, ErrCertificate) {
				t.Errorf("client: %v", near.err)
			}
		})
	}
}

func TestProtocolMustBeAgreed(t *testing.T) {
	a, b := stranger(t), stranger(t)
	for _, offered := range [][]string{nil, {"h2"}, {"btrmesh/2"}} {
		client := a.Client(b.ID(), members(b))
		client.NextProtos = offered
		c, s := connect(t, client, b.Server(Policy{Member: members(a), Pairing: open(true)}))
		wantRefused(t, s, c, "")
		server := b.Server(Policy{Member: members(a)})
		server.NextProtos = offered
		c, s = connect(t, a.Client(b.ID(), members(b)), server)
		if c.err == nil {
			t.Errorf("client accepted a server of %q", offered)
		}
		_ = s
	}
}

func TestLanesAreForMembersAlone(t *testing.T) {
	a, b, other := stranger(t), stranger(t), stranger(t)
	c, s := connect(t, a.LaneClient(b.ID(), members(b)), b.LaneServer(members(a)))
	wantOpen(t, c, s, a, b, ALPNLane)
	c, s = connect(t, a.LaneClient(b.ID(), members(b)), b.LaneServer(members(b)))
	wantRefused(t, s, c, "not a member")
	c, s = connect(t, a.LaneClient(other.ID(), members(b, other)), b.LaneServer(members(a)))
	wantRefused(t, c, s, "answered instead of")
	c, s = connect(t, a.LaneClient(b.ID(), members(a)), b.LaneServer(members(a)))
	wantRefused(t, c, s, "not a member")
}

func TestLanesAndMeshDoNotMix(t *testing.T) {
	a, b := stranger(t), stranger(t)
	c, s := connect(t, a.Client(b.ID(), members(b)), b.LaneServer(members(a)))
	wantRefused(t, s, c, "")
	c, s = connect(t, a.LaneClient(b.ID(), members(b)), b.Server(Policy{Member: members(a), Pairing: open(true)}))
	wantRefused(t, s, c, "")
	c, s = connect(t, a.PairClient(b.ID().Prefix()), b.LaneServer(members(a)))
	wantRefused(t, s, c, "")
}
