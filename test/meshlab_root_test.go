//go:build root

package test

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"btrmesh/mesh/control"
	"btrmesh/mesh/gossip"
)

// lasting returns how long a test watches: the second time in the long form,
// test/run -long.
func lasting(short, long time.Duration) time.Duration {
	if os.Getenv("BTRMESH_TEST_LONG") != "" {
		return long
	}
	return short
}

// newMesh makes a lab of n appliances that are up, and paired one after the
// other, each through the one before. An appliance may write into the pool of
// the next.
func newMesh(t *testing.T, n int) *lab {
	t.Helper()
	l := newLab(t, []string{"nas-a", "nas-b", "nas-c", "nas-d", "nas-e"}[:n]...)
	for _, a := range l.nodes {
		a.start()
	}
	for i := range n - 1 {
		pair(l.nodes[i], l.nodes[i+1])
	}
	joined := time.Now()
	l.soon(2*time.Second, "all are online everywhere", func() string { return l.missing(l.nodes, control.Online) })
	t.Logf("%d appliances see each other %v after the last joined", n, time.Since(joined).Round(time.Millisecond))
	return l
}

// soon waits until wrong has nothing to say. The long form allows what is promised,
// twice that where more wants to run than there are processors. The short one, on a
// machine of any speed beside other tests, asks that it comes true at all: how soon
// is asked where time is simulated.
func (l *lab) soon(promised time.Duration, what string, wrong func() string) time.Duration {
	l.t.Helper()
	start, last, limit := time.Now(), "", lasting(2*patience, promised)
	if load := loadOfMachine(l.t); load > float64(runtime.NumCPU()) {
		limit *= 2
		l.t.Logf("the load of the machine is %.1f: %v for: %s", load, limit, what)
	}
	for time.Since(start) < limit {
		if last = wrong(); last == "" {
			return time.Since(start)
		}
		time.Sleep(20 * time.Millisecond)
	}
	l.t.Fatalf("not within %v: %s; %s", limit, what, last)
	return 0
}

func loadOfMachine(t *testing.T) float64 {
	t.Helper()
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		t.Fatal(err)
	}
	load, err := strconv.ParseFloat(strings.Fields(string(text))[0], 64)
	if err != nil {
		t.Fatal(err)
	}
	return load
}

// sees returns the state of every appliance that a has ever known, by name.
func (a *appliance) sees() map[string]string {
	a.t.Helper()
	list, err := a.client.Appliances(a.t.Context(), control.AppliancesRequest{All: true})
	if err != nil {
		a.t.Fatalf("%s: %v", a.name, err)
	}
	states := map[string]string{}
	for _, one := range list.Value {
		states[one.Name] = one.State
	}
	return states
}

// missing says which of whom is not in that state for one of the appliances
// that run, itself apart; empty: none.
func (l *lab) missing(whom []*appliance, state string, views ...*appliance) string {
	l.t.Helper()
	if len(views) == 0 {
		views = l.nodes
	}
	var wrong []string
	for _, a := range views {
		states := a.sees()
		for _, b := range whom {
			if got := states[b.name]; b != a && got != state {
				wrong = append(wrong, fmt.Sprintf("%s is %q for %s", b.name, got, a.name))
			}
		}
	}
	return strings.Join(wrong, ", ")
}

// offlineDuring returns who was offline for whom while is returns true, each
// once, and how long an appliance took to say so at most.
func (l *lab) offlineDuring(is func() bool) (seen []string, slowest time.Duration) {
	l.t.Helper()
	for is() {
		for _, a := range l.nodes {
			asked := time.Now()
			states := a.sees()
			slowest = max(slowest, time.Since(asked))
			for name, state := range states {
				text := name + " for " + a.name
				if state != control.Online && !slices.Contains(seen, text) {
					seen = append(seen, text)
				}
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	return seen, slowest
}

// wantOnlineFor wants nobody to be offline for a time. It watches again where the
// machine, busy with other things, kept an appliance waiting for longer than its
// peers wait for an answer.
func (l *lab) wantOnlineFor(d time.Duration) {
	l.t.Helper()
	const tries = 5
	for try := range tries {
		end := time.Now().Add(d)
		gone, slowest := l.offlineDuring(func() bool { return time.Now().Before(end) })
		if len(gone) == 0 {
			return
		}
		if slowest < gossip.DefaultTiming().ProbeDirect || try == tries-1 {
			l.t.Fatalf("offline: %q; the slowest answer took %v", gone, slowest)
		}
		l.t.Logf("again, as an answer took %v; offline were %q", slowest, gone)
	}
}

// without returns the appliances of the lab but some.
func (l *lab) without(some ...*appliance) []*appliance {
	return slices.DeleteFunc(slices.Clone(l.nodes), func(a *appliance) bool { return slices.Contains(some, a) })
}

// replicates adds a task from a share of an appliance to another, and waits for
// its first run. It returns the name of the task and where the share is.
func (a *appliance) replicates(share string, to *appliance) (task, path string) {
	a.t.Helper()
	path = a.share(share)
	a.must("task", "add", share, "--to", to.name, "--pool", "tank", "--every", "3600")
	task = share + "-" + to.name
	a.eventually(patience, "the first run of "+task+" is ok", func() bool {
		runs := items[control.Run](a, "task", "history", task)
		return len(runs) > 0 && runs[0].Result == control.ResultOK
	})
	return task, path
}

// pings asks one appliance from another and returns what went wrong.
func (a *appliance) pings(b *appliance) error {
	_, err := a.client.Ping(a.t.Context(), control.ApplianceRequest{Appliance: b.name})
	return err
}

// rules loads an nft ruleset (nft(8)) in the appliance's namespace.
func (a *appliance) rules(text string) {
	a.t.Helper()
	cmd := a.inside("nft", "-f", "-")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		a.t.Fatalf("%s: nft: %v\n%s", a.name, err, out)
	}
}
