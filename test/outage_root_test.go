//go:build root

package test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"btrmesh/mesh/control"
)

func TestAMeshHeals(t *testing.T) {
	t.Parallel()
	l := newMesh(t, 5)
	wantKilledSeen(t, l, l.nodes[1])
	wantPartitionHeals(t, l)
	wantMovedFound(t, l, l.nodes[3])
}

func wantKilledSeen(t *testing.T, l *lab, b *appliance) {
	t.Helper()
	b.kill(syscall.SIGKILL)
	gone := l.soon(10*time.Second, b.name+" is offline for all", func() string {
		return l.missing([]*appliance{b}, control.Offline, l.without(b)...)
	})
	start := time.Now()
	b.start()
	l.soon(20*time.Second, b.name+" is back", func() string { return l.missing(l.nodes, control.Online) })
	t.Logf("offline for all %v after kill -9, online again %v after its start", gone.Round(time.Millisecond), time.Since(start).Round(time.Millisecond))
}

// wantPartitionHeals cuts the first two off the other three.
func wantPartitionHeals(t *testing.T, l *lab) {
	t.Helper()
	near, far := l.nodes[:2], l.nodes[2:]
	start := time.Now()
	for _, a := range near {
		a.rules(fmt.Sprintf("table ip cut {\nchain in { type filter hook input priority 0; ip saddr { %[1]s } drop; }\n"+
			"chain out { type filter hook output priority 0; ip daddr { %[1]s } drop; }\n}", addressesOf(far)))
	}
	apart := l.soon(20*time.Second, "each side sees the other offline", func() string {
		return l.missing(far, control.Offline, near...) + l.missing(near, control.Offline, far...)
	})
	time.Sleep(lasting(15*time.Second, 90*time.Second) - time.Since(start))
	l.soon(5*time.Second, "all are online within one side", func() string {
		return l.missing(near, control.Online, near...) + l.missing(far, control.Online, far...)
	})
	for _, a := range near {
		a.rules("delete table ip cut")
	}
	healed := l.soon(time.Minute, "all are online again", func() string { return l.missing(l.nodes, control.Online) })
	t.Logf("apart after %v, healed within %v", apart.Round(time.Millisecond), healed.Round(time.Millisecond))
}

func addressesOf(list []*appliance) string {
	var addresses []string
	for _, a := range list {
		addresses = append(addresses, a.addr)
	}
	return strings.Join(addresses, ", ")
}

// wantMovedFound restarts an appliance that has tasks in both directions at
// another address.
func wantMovedFound(t *testing.T, l *lab, d *appliance) {
	t.Helper()
	c, e := l.nodes[2], l.nodes[4]
	to, _ := c.replicates("to-the-moved", d)
	from, _ := d.replicates("from-the-moved", e)
	d.kill(syscall.SIGTERM)
	old := d.addr
	d.addr = "10.77.0.104"
	mustRun(t, "ip", "-n", d.ns, "addr", "del", old+"/24", "dev", "eth0")
	mustRun(t, "ip", "-n", d.ns, "addr", "add", d.addr+"/24", "dev", "eth0")
	d.start()
	healed := l.soon(time.Minute, d.name+" is online", func() string { return l.missing(l.nodes, control.Online) })
	c.must("task", "run", to, "--wait")
	d.must("task", "run", from, "--wait")
	t.Logf("found at its new address within %v", healed.Round(time.Millisecond))
}

func TestNobodyGoesOfflineWhereAFifthOfThePacketsIsLost(t *testing.T) {
	t.Parallel()
	l := newMesh(t, 5)
	for _, a := range l.nodes {
		a.rules("table ip loss {\nchain in { type filter hook input priority 0; udp dport 7945 numgen random mod 100 < 20 drop; }\n}")
	}
	l.wantOnlineFor(lasting(20*time.Second, time.Minute))
}

func TestTransfersTakeNobodyOffline(t *testing.T) {
	l := newMesh(t, 4)
	senders := []*appliance{l.nodes[0], l.nodes[2]}
	var tasks []string
	for i, a := range senders {
		task, share := a.replicates("photos", l.nodes[2*i+1])
		fill(t, share, "big", inLongForm(250, 2000)<<20)
		tasks = append(tasks, task)
	}
	start := time.Now()
	for i, a := range senders {
		a.must("task", "run", tasks[i])
	}
	gone, _ := l.offlineDuring(func() bool {
		return progress(senders[0], tasks[0]) != nil || progress(senders[1], tasks[1]) != nil
	})
	if len(gone) > 0 {
		t.Errorf("offline while transfers ran: %q", gone)
	}
	t.Logf("watched two transfers at once for %v", time.Since(start).Round(time.Millisecond))
	for i, a := range senders {
		if run := items[control.Run](a, "task", "history", tasks[i])[0]; run.Result != control.ResultOK {
			t.Errorf("%s: %+v", a.name, run)
		}
	}
}
