package stream

import (
	"log/slog"
	"net"
	"strings"
	"testing"
)

func TestSmallSocketBuffersAreToldOf(t *testing.T) {
	udp := loopback(t, "127.0.0.1:0")
	for _, set := range []func(int) error{udp.SetReadBuffer, udp.SetWriteBuffer} {
		if err := set(100 << 10); err != nil {
			t.Fatal(err)
		}
	}
	var logged strings.Builder
	log := slog.New(slog.NewTextHandler(&logged, nil))
	checkBuffers(udp, log)
	for _, want := range []string{"level=WARN", "receive_bytes=204800", "send_bytes=204800", `hint="sysctl -w net.core.rmem_max=7340032 net.core.wmem_max=7340032"`} {
		if !strings.Contains(logged.String(), want) {
			t.Errorf("no %s in %s", want, logged.String())
		}
	}
	if n := strings.Count(logged.String(), "\n"); n != 1 {
		t.Errorf("%d lines", n)
	}
}

// Whether the kernel gives all depends on rights and limits of the machine.
func TestListenRaisesSocketBuffersOrWarns(t *testing.T) {
	a, _ := onUDP(t, loopback(t, ":0"), loopback(t, ":0"))
	udp, ok := a.c.Conn.(*net.UDPConn)
	if !ok {
		t.Fatalf("listens on %T", a.c.Conn)
	}
	receive, send, err := bufferSizes(udp)
	if err != nil {
		t.Fatal(err)
	}
	var logged strings.Builder
	checkBuffers(udp, slog.New(slog.NewTextHandler(&logged, nil)))
	small := receive < socketBuffer || send < socketBuffer
	if receive <= 212992 || small != strings.Contains(logged.String(), "socket buffers are small") {
		t.Errorf("receive %d, send %d bytes, logged %q", receive, send, logged.String())
	}
	t.Logf("receive %d, send %d bytes", receive, send)
}
