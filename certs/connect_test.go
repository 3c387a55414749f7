package certs

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"
)

// end is what one side of a connection came to.
type end struct {
	state tls.ConnectionState
	err   error
}

// connect runs a handshake and carries one byte from server to client: only
// that tells a client that it was let in.
func connect(t *testing.T, client, server *tls.Config) (c, s end) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	near, far := loopback(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s = finish(ctx, far, tls.Server(far, server), func(conn *tls.Conn) error {
			_, err := conn.Write([]byte("!"))
			return err
		})
	}()
	c = finish(ctx, near, tls.Client(near, client), func(conn *tls.Conn) error {
		_, err := conn.Read(make([]byte, 1))
		return err
	})
	<-done
	return c, s
}

// loopback is used, not net.Pipe, because both ends may write at once.
func loopback(t *testing.T) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	near, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if far, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return near, far
}

func finish(ctx context.Context, raw net.Conn, conn *tls.Conn, talk func(*tls.Conn) error) end {
	defer func() { _ = raw.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	err := conn.HandshakeContext(ctx)
	if err == nil {
		err = talk(conn)
	}
	return end{conn.ConnectionState(), err}
}

func members(list ...*Identity) func(ID) bool {
	return func(id ID) bool {
		for _, i := range list {
			if i.ID() == id {
				return true
			}
		}
		return false
	}
}

func open(isOpen bool) func() bool { return func() bool { return isOpen } }

func wantOpen(t *testing.T, c, s end, client, server *Identity, alpn string) {
	t.Helper()
	if c.err != nil || s.err != nil {
		t.Fatalf("client: %v; server: %v", c.err, s.err)
	}
	for _, e := range []struct {
		end
		peer *Identity
	}{{c, server}, {s, client}} {
		id, err := PeerID(e.state)
		if err != nil || id != e.peer.ID() || e.state.NegotiatedProtocol != alpn || e.state.Version != tls.VersionTLS13 {
			t.Errorf("peer %s, want %s; protocol %q, want %q; %v", id, e.peer.ID(), e.state.NegotiatedProtocol, alpn, err)
		}
	}
}

// wantRefused wants both ends to fail, and the one that refused to say why.
func wantRefused(t *testing.T, refuser, refused end, why string) {
	t.Helper()
	if refuser.err == nil || !strings.Contains(refuser.err.Error(), why) {
		t.Errorf("refused with %v, want %q", refuser.err, why)
	}
	if refused.err == nil {
		t.Error("the refused end noticed nothing")
	}
}
