package stream

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"btrmesh/certs"
)

func TestGossipIsAPlainConnectionBothWays(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		b.gossip = func(peer certs.ID, conn net.Conn) {
			if peer != a.id || conn.RemoteAddr().String() != a.addr || conn.LocalAddr().String() != b.addr {
				t.Errorf("peer %s at %s", peer.Short(), conn.RemoteAddr())
			}
			time.Sleep(time.Minute) // longer than the first words may take
			if _, err := io.CopyN(conn, conn, 1<<20); err != nil {
				t.Error(err)
			}
		}
		conn, err := a.OpenGossip(t.Context(), b.id)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		if conn.RemoteAddr().String() != b.addr {
			t.Errorf("remote address %s", conn.RemoteAddr())
		}
		data := bytes.Repeat([]byte("gossip!!"), 1<<17)
		go func() { _, _ = conn.Write(data) }()
		got, err := io.ReadAll(conn)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d of %d bytes, %v", len(got), len(data), err)
		}
	})
}

func TestClosedGossipFreesItsStream(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		var heard atomic.Int64
		b.gossip = func(_ certs.ID, conn net.Conn) {
			heard.Add(1)
			_, _ = conn.Write([]byte("never read"))
		}
		for range 3 * streamsAtOnce {
			conn, err := a.OpenGossip(t.Context(), b.id)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(conn.Close(), conn.Close()); err != nil {
				t.Error(err)
			}
		}
		time.Sleep(time.Second)
		if l := a.conns.best(b.id); heard.Load() != 3*streamsAtOnce || l.busy.Load() != 0 {
			t.Errorf("%d conversations, %d still count", heard.Load(), l.busy.Load())
		}
	})
}

func TestGossipKeepsItsDeadlines(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		ended := make(chan error, 1)
		b.gossip = func(_ certs.ID, conn net.Conn) {
			_, err := conn.Read(make([]byte, 1))
			ended <- err
		}
		conn, err := a.OpenGossip(t.Context(), b.id)
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.SetDeadline(time.Now().Add(3 * time.Second)); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != 3*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, io.EOF) {
			t.Errorf("the other end: %v", err)
		}
	})
}

func TestStrangersGetNoGossip(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		f.set(func() { delete(f.members, b.id) })
		if _, err := a.OpenGossip(t.Context(), b.id); !errors.Is(err, certs.ErrNotMember) {
			t.Errorf("got %v", err)
		}
	})
}
