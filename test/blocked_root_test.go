//go:build root

package test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"btrmesh/mesh/control"
)

// All UDP is dropped where it arrives, so that no sender is told: the connection
// goes through TCP, and comes back.
func TestAMeshGoesOnWhereUDPIsBlocked(t *testing.T) {
	t.Parallel()
	l := newMesh(t, 2)
	a, b := l.nodes[0], l.nodes[1]
	task, share := a.replicates("photos", b)
	a.wantTransport(b, control.UDP)

	for _, n := range l.nodes {
		n.rules("table inet cut {\nchain in { type filter hook input priority 0; meta l4proto udp drop; }\n}")
	}
	over := l.soon(15*time.Second, "they are online through TCP", func() string { return l.notOver(control.TCP) })
	t.Logf("through TCP %v after UDP was blocked", over.Round(time.Millisecond))
	a.wantTransport(b, control.TCP)
	if out := a.must("ping", b.name, "--count", "1"); !strings.Contains(out, "over tcp") {
		t.Errorf("ping: %s", out)
	}
	l.wantOnlineFor(lasting(10*time.Second, time.Minute))
	b.kill(syscall.SIGTERM)
	b.start()
	again := l.soon(20*time.Second, "it is online again", func() string { return l.notOver(control.TCP) })
	t.Logf("through TCP %v after a restart", again.Round(time.Millisecond))
	fill(t, share, "big", 64<<20)
	a.must("task", "run", task, "--wait")
	wantEqual(a, b, task, "photos")
	run := items[control.Run](a, "task", "history", task)[0]
	if run.Result != control.ResultOK || run.Streams == nil || !strings.HasPrefix(run.Streams.LanesReason, "tcp: no answer over udp") {
		t.Errorf("%+v", run)
	}

	for _, n := range l.nodes {
		n.rules("delete table inet cut")
	}
	back := l.soon(2*time.Minute, "they are back on UDP", func() string { return l.notOver(control.UDP) })
	t.Logf("back on UDP %v after it was let through", back.Round(time.Millisecond))
	a.wantTransport(b, control.UDP)
}

// notOver says who is not online over that transport for whom; empty: none.
func (l *lab) notOver(transport string) string {
	l.t.Helper()
	var wrong []string
	for _, a := range l.nodes {
		for _, one := range items[control.Appliance](a, "appliance", "list") {
			if !one.Self && (one.State != control.Online || one.Transport != transport) {
				wrong = append(wrong, one.Name+" is "+one.State+" over "+one.Transport+" for "+a.name)
			}
		}
	}
	return strings.Join(wrong, ", ")
}

// wantTransport wants a ping to go that way.
func (a *appliance) wantTransport(b *appliance, transport string) {
	a.t.Helper()
	p, err := a.client.Ping(a.t.Context(), control.ApplianceRequest{Appliance: b.name})
	if err != nil || p.Value.Transport != transport {
		a.t.Errorf("ping of %s from %s: %+v, %v; want %s", b.name, a.name, p.Value, err, transport)
	}
}
