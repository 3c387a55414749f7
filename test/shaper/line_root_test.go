//go:build root

package shaper

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var spaces atomic.Int32

// newSpace makes a network namespace.
func newSpace(t *testing.T) string {
	t.Helper()
	name := fmt.Sprintf("bmline%d-%d", os.Getpid(), spaces.Add(1))
	if out, err := exec.Command("ip", "netns", "add", name).CombinedOutput(); err != nil {
		t.Fatalf("ip netns add: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("ip", "netns", "del", name).CombinedOutput(); err != nil {
			t.Errorf("ip netns del: %v: %s", err, out)
		}
	})
	return name
}

const addressA, addressB = "10.78.0.1", "10.78.0.2"

// newLine joins two new namespaces.
func newLine(t *testing.T, p Profile) *Line {
	t.Helper()
	l, err := Open(t.Context(), Config{A: End{newSpace(t), addressA + "/24"}, B: End{newSpace(t), addressB + "/24"}, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := l.Set(p); err != nil {
		t.Fatal(err)
	}
	return l
}

// within opens a socket in a namespace, which it stays in.
func within[S any](t *testing.T, space string, open func() (S, error)) S {
	t.Helper()
	type result struct {
		socket S
		err    error
	}
	opened := make(chan result)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread is spoilt and ends
		var r result
		ns, err := os.Open("/run/netns/" + space)
		if err == nil {
			err = unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET)
			_ = ns.Close() // opened for reading
		}
		if r.err = err; err == nil {
			r.socket, r.err = open()
		}
		opened <- r
	}()
	r := <-opened
	if r.err != nil {
		t.Fatal(r.err)
	}
	return r.socket
}

// echo answers every datagram that comes to B, and returns a socket of A to it.
func echo(t *testing.T, l *Line) net.Conn {
	t.Helper()
	server := within(t, l.ends[1].Namespace, func() (net.PacketConn, error) {
		return new(net.ListenConfig).ListenPacket(context.Background(), "udp4", addressB+":7")
	})
	t.Cleanup(func() { _ = server.Close() }) // ends the goroutine
	go func() {
		buf := make([]byte, 2000)
		for {
			n, from, err := server.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = server.WriteTo(buf[:n], from) // lost is lost
		}
	}()
	client := within(t, l.ends[0].Namespace, func() (net.Conn, error) { return net.Dial("udp4", addressB+":7") })
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// ping sends one datagram and returns how long its echo took, or false if there
// was none for a while.
func ping(t *testing.T, c net.Conn, size int, patience time.Duration) (time.Duration, bool) {
	t.Helper()
	start := time.Now()
	if _, err := c.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(start.Add(patience)); err != nil {
		t.Fatal(err)
	}
	_, err := c.Read(make([]byte, 2000))
	return time.Since(start), err == nil
}

const patience = 10 * time.Second

func TestARoundTripTakesTheDelayTwice(t *testing.T) {
	l := newLine(t, Profile{Delay: 25 * time.Millisecond})
	c := echo(t, l)
	for range 3 {
		if took, ok := ping(t, c, 100, patience); !ok || took < 50*time.Millisecond {
			t.Errorf("took %v, came back: %v", took, ok)
		}
	}
}

func TestLargePacketsVanishOnceTheLineIsNarrow(t *testing.T) {
	l := newLine(t, Profile{})
	c := echo(t, l)
	const size = 1300 // and 28 of headers
	if _, ok := ping(t, c, size, patience); !ok {
		t.Fatal("a large packet is lost on a wide line")
	}
	if err := l.Set(Profile{MaxSize: 1300}); err != nil {
		t.Fatal(err)
	}
	if _, ok := ping(t, c, size, 200*time.Millisecond); ok {
		t.Error("a large packet passes a narrow line")
	}
	if _, ok := ping(t, c, 1000, patience); !ok {
		t.Error("a small packet is lost on a narrow line")
	}
	if fromA, _ := l.Counts(); fromA.TooLarge != 1 {
		t.Errorf("counts are %+v", fromA)
	}
}

func TestAsManyDatagramsAreLostAsSaid(t *testing.T) {
	l := newLine(t, Profile{})
	c := echo(t, l)
	if err := l.SetEach(Profile{Loss: 0.1}, Profile{}); err != nil {
		t.Fatal(err)
	}
	const sent = 2000
	for range sent {
		if _, err := c.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	var fromA Counts
	for end := time.Now().Add(patience); fromA.Packets+fromA.Lost < sent && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		fromA, _ = l.Counts()
	}
	if fromA.Lost < sent/20 || fromA.Lost > sent/5 {
		t.Errorf("of %d datagrams %d were lost", sent, fromA.Lost)
	}
}

func TestTCPGetsNoMoreThanTheRate(t *testing.T) {
	const size, rate = 1 << 20, 40_000_000 // 0.21 s at the least
	l := newLine(t, Profile{Delay: 5 * time.Millisecond, Rate: rate})
	server := within(t, l.ends[1].Namespace, func() (net.Listener, error) {
		return new(net.ListenConfig).Listen(context.Background(), "tcp4", addressB+":5001")
	})
	t.Cleanup(func() { _ = server.Close() })
	received := make(chan int64, 1)
	go func() {
		c, err := server.Accept()
		if err != nil {
			received <- -1
			return
		}
		n, _ := io.Copy(io.Discard, c)
		received <- n
		_ = c.Close()
	}()
	start := time.Now()
	c := within(t, l.ends[0].Namespace, func() (net.Conn, error) { return net.Dial("tcp4", addressB+":5001") })
	if _, err := c.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if n := <-received; n != size {
		t.Errorf("%d of %d bytes arrived", n, size)
	}
	took := time.Since(start)
	t.Logf("%.1f Mbit/s of %.0f", size*8/took.Seconds()/1e6, float64(rate)/1e6)
	if float64(size)*8/took.Seconds() > rate {
		t.Errorf("%d bytes took %v", size, took)
	}
}

func TestAnEndMovesAndTheLineGoesOn(t *testing.T) {
	l := newLine(t, Profile{})
	c := echo(t, l)
	if _, ok := ping(t, c, 10, patience); !ok {
		t.Fatal("no echo")
	}
	if err := l.MoveA(t.Context(), "10.78.0.11/24"); err != nil {
		t.Fatal(err)
	}
	moved := within(t, l.ends[0].Namespace, func() (net.Conn, error) { return net.Dial("udp4", addressB+":7") })
	defer func() { _ = moved.Close() }()
	if _, ok := ping(t, moved, 10, patience); !ok {
		t.Error("no echo from the new address")
	}
	if got := moved.LocalAddr().String(); got[:len("10.78.0.11")] != "10.78.0.11" {
		t.Errorf("its address is %s", got)
	}
}
