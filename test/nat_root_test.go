//go:build root

package test

import (
	"fmt"
	"testing"
	"time"

	"btrmesh/mesh/control"
)

// addBehindRouter makes an appliance that the others reach by nothing but the
// connections it dialled: its router translates addresses and lets nothing in.
func (l *lab) addBehindRouter(name string) *appliance {
	l.t.Helper()
	const router, outside, gateway = "router", 99, "192.168.9.1"
	a := l.prepare(name, "192.168.9.2", poolSize)
	a.ns = l.namespace(name)
	ns := l.namespace(router)
	a.wire = l.plug(router, outside, fmt.Sprintf("10.77.0.%d", outside))
	mustRun(l.t, "ip", "-n", ns, "link", "add", "lan", "type", "veth", "peer", "name", "eth0", "netns", a.ns)
	mustRun(l.t, "ip", "-n", ns, "addr", "add", gateway+"/24", "dev", "lan")
	mustRun(l.t, "ip", "-n", ns, "link", "set", "lan", "up")
	mustRun(l.t, "ip", "-n", a.ns, "addr", "add", a.addr+"/24", "dev", "eth0")
	mustRun(l.t, "ip", "-n", a.ns, "link", "set", "eth0", "up")
	mustRun(l.t, "ip", "-n", a.ns, "route", "add", "default", "via", gateway)
	gate := &appliance{t: l.t, name: router, ns: ns}
	if out, err := gate.inside("sysctl", "-q", "-w", "net.ipv4.ip_forward=1").CombinedOutput(); err != nil {
		l.t.Fatalf("forward: %v\n%s", err, out)
	}
	gate.rules(`table ip nat {
chain out { type nat hook postrouting priority 100; oifname "eth0" masquerade; }
chain through { type filter hook forward priority 0; iifname "eth0" ct state new drop; }
chain in { type filter hook input priority 0; iifname "eth0" ct state new drop; }
}`)
	return a
}

func TestAnApplianceBehindARouterSendsAndReceives(t *testing.T) {
	t.Parallel()
	l := newMesh(t, 2)
	a, b := l.nodes[0], l.nodes[1]
	hidden := l.addBehindRouter("nas-nat")
	hidden.start()
	pair(a, hidden)
	a.must("pool", "allow", "tank", hidden.name)
	hidden.must("pool", "allow", "tank", b.name)
	l.nodes = append(l.nodes, hidden)
	seen := l.soon(10*time.Second, "all are online everywhere", func() string { return l.missing(l.nodes, control.Online) })
	t.Logf("the appliance behind a router is online for all %v after it joined", seen.Round(time.Millisecond))

	for _, way := range []struct{ from, to *appliance }{{hidden, a}, {a, hidden}, {b, hidden}} {
		task, share := way.from.replicates("of-"+way.from.name, way.to)
		mutate(t, share, 7, 300)
		way.from.must("task", "run", task, "--wait")
		wantEqual(way.from, way.to, task, "of-"+way.from.name)
	}
}
