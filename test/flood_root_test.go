//go:build root

package test

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"btrmesh/certs"
	"btrmesh/mesh/control"
)

// floodTarget is the variable that makes the test program flood an address, from
// the namespace it is started in, until its input ends.
const floodTarget = "BTRMESH_TEST_FLOOD"

const (
	floodRate  = 10_000 // forged Initials per second
	floodDials = 16     // at once, by somebody who proves the address and has a key
)

// runFlood returns the exit code.
func runFlood(target string) int {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, os.Stdin) // until whoever started this ends
	}()
	text, err := flood(ctx, target)
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		return 1
	}
	_, _ = fmt.Fprintln(os.Stdout, text)
	return 0
}

// flood says what it sent.
func flood(ctx context.Context, target string) (string, error) {
	addr, err := net.ResolveUDPAddr("udp4", target)
	if err != nil {
		return "", err
	}
	var all sync.WaitGroup
	var dialled atomic.Int64
	all.Go(func() { dialled.Store(knock(ctx, addr)) })
	start := time.Now()
	sent, err := forge(ctx, addr)
	all.Wait()
	return fmt.Sprintf("%d Initials in %v and %d handshakes", sent, time.Since(start).Round(time.Millisecond), dialled.Load()), err
}

// forge sends Initials of handshakes that nobody goes on with (RFC 9000 section
// 17.2.2), each of another connection.
func forge(ctx context.Context, to *net.UDPAddr) (sent int64, err error) {
	conn, err := net.DialUDP("udp4", nil, to)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }() // nothing is awaited
	b := make([]byte, 1200)
	_, _ = rand.Read(b) // never fails
	b[0] = 0xc3         // long header, Initial, packet number of 4 bytes
	binary.BigEndian.PutUint32(b[1:], 1)
	b[5], b[14], b[23] = 8, 8, 0 // lengths of the connection IDs and the token
	binary.BigEndian.PutUint16(b[24:], 0x4000|uint16(len(b)-26))
	start := time.Now()
	for ctx.Err() == nil {
		for due := int64(time.Since(start).Seconds() * floodRate); sent < due; sent++ {
			_, _ = rand.Read(b[6:14])
			_, _ = conn.Write(b) // a full queue, or refused: part of the game
		}
		time.Sleep(time.Millisecond)
	}
	return sent, nil
}

// knock dials as a stranger with a key, who answers a Retry, over and over.
func knock(ctx context.Context, to *net.UDPAddr) int64 {
	dir, err := os.MkdirTemp("", "btrmesh-flood")
	if err != nil {
		return 0
	}
	defer func() { _ = os.RemoveAll(dir) }() // a temporary directory
	stranger, err := certs.CreateIdentity(filepath.Join(dir, "key"))
	if err != nil {
		return 0
	}
	socket, err := net.ListenUDP("udp4", nil)
	if err != nil {
		return 0
	}
	defer func() { _ = socket.Close() }() // after the transport
	transport := &quic.Transport{Conn: socket}
	defer func() { _ = transport.Close() }() // nothing is awaited
	hello := stranger.Client(stranger.ID(), func(certs.ID) bool { return true })
	hello.VerifyConnection = nil
	var all sync.WaitGroup
	var dialled atomic.Int64
	for range floodDials {
		all.Go(func() {
			for ctx.Err() == nil {
				conn, err := transport.Dial(ctx, to, hello, &quic.Config{HandshakeIdleTimeout: time.Second})
				if err == nil {
					_ = conn.CloseWithError(0, "")
				}
				dialled.Add(1)
			}
		})
	}
	all.Wait()
	return dialled.Load()
}

// startFlood floods an appliance from a namespace of its own; the function it
// returns ends that, and says what was sent.
func (l *lab) startFlood(ns string, at *appliance) (stop func() string) {
	l.t.Helper()
	self, err := os.Executable()
	if err != nil {
		l.t.Fatal(err)
	}
	cmd := exec.CommandContext(l.t.Context(), "nsenter", "--net=/run/netns/"+ns, self)
	cmd.Env = append(os.Environ(), floodTarget+"="+at.addr+":7945")
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	stdin, err := cmd.StdinPipe()
	if err != nil {
		l.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	return func() string {
		l.t.Helper()
		_ = stdin.Close() // tells it to end
		if err := cmd.Wait(); err != nil {
			l.t.Errorf("flood: %v\n%s", err, out.String())
		}
		return strings.TrimSpace(out.String())
	}
}

// measured is one run of a task.
type measured struct {
	speed    float64 // bytes of the stream per second
	resident int64   // most memory of the target, bytes
	offline  []string
}

// measure runs a task over new data and watches its target.
func (l *lab) measure(from, to *appliance, task, share string, size int) measured {
	l.t.Helper()
	fill(l.t, share, fmt.Sprintf("data-%d", time.Now().UnixNano()), size)
	var m measured
	from.must("task", "run", task)
	m.offline, _ = l.offlineDuring(func() bool {
		m.resident = max(m.resident, to.resident())
		return progress(from, task) != nil
	})
	run := items[control.Run](from, "task", "history", task)[0]
	if run.Result != control.ResultOK || run.BytesPerSecond == nil {
		l.t.Fatalf("%s: %+v", task, run)
	}
	m.speed = *run.BytesPerSecond
	return m
}

func TestAFloodOfHandshakesStopsNoRun(t *testing.T) {
	l := newMesh(t, 2)
	a, b := l.nodes[0], l.nodes[1]
	attacker := l.namespace("attacker")
	l.plug("attacker", 66, "10.77.0.66")
	task, share := a.replicates("photos", b)
	size := inLongForm(200, 1500) << 20
	l.measure(a, b, task, share, size/3) // so that all that is made once is there

	calm := l.measure(a, b, task, share, size)
	stop := l.startFlood(attacker, b)
	time.Sleep(time.Second)
	under := l.measure(a, b, task, share, size)
	t.Log(stop())
	grown := under.resident - calm.resident
	t.Logf("%.0f MB/s without, %.0f MB/s under the flood: %.0f %%; resident %d MiB, %+d MiB",
		calm.speed/1e6, under.speed/1e6, 100*under.speed/calm.speed, under.resident>>20, grown>>20)
	if grown > 64<<20 {
		t.Errorf("the flood costs %d MiB of memory", grown>>20)
	}
	if len(under.offline) > 0 {
		t.Errorf("offline under the flood: %q", under.offline)
	}
	if os.Getenv("BTRMESH_TEST_LONG") != "" && under.speed < calm.speed/2 {
		t.Error("the flood takes more than half of the speed")
	}
}
