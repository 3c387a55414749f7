//go:build root

package test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"btrmesh/mesh/control"
)

func TestFiveAppliancesAreOneMesh(t *testing.T) {
	t.Parallel()
	l := newMesh(t, 5)
	for i, a := range l.nodes[:4] {
		a.replicates("share-"+a.name, l.nodes[i+1])
	}
	wantWholeMesh(t, l)
	wantCheapIdle(t, l)
	wantAgeOfStopped(t, l, l.nodes[2])
	wantRemoval(t, l)
}

// overview asks for the status and returns how long that took.
func (a *appliance) overview() (control.Answer[control.Status], time.Duration) {
	a.t.Helper()
	start := time.Now()
	answer, err := a.client.Status(a.t.Context(), control.StatusRequest{})
	if err != nil {
		a.t.Fatalf("%s: status: %v", a.name, err)
	}
	return answer, time.Since(start)
}

// wantWholeMesh asks each appliance for the pools and tasks of the mesh.
func wantWholeMesh(t *testing.T, l *lab) {
	t.Helper()
	for _, a := range l.nodes {
		answer, took := a.overview()
		pools, tasks := poolsOf(answer.Value), tasksOf(answer.Value)
		if want := []string{"nas-a", "nas-b", "nas-c", "nas-d", "nas-e"}; !slices.Equal(pools, want) {
			t.Errorf("%s shows the pools of %q", a.name, pools)
		}
		if want := []string{"share-nas-a-nas-b", "share-nas-b-nas-c", "share-nas-c-nas-d", "share-nas-d-nas-e"}; !slices.Equal(tasks, want) {
			t.Errorf("%s shows the tasks %q", a.name, tasks)
		}
		if len(answer.Silent) != 0 {
			t.Errorf("%s did not hear %+v", a.name, answer.Silent)
		}
		t.Logf("%s: all pools and tasks in %v", a.name, took.Round(time.Millisecond))
	}
}

// poolsOf returns whose pools a status shows.
func poolsOf(st control.Status) []string {
	var names []string
	for _, p := range st.Pools {
		names = append(names, p.Appliance)
	}
	slices.Sort(names)
	return names
}

func tasksOf(st control.Status) []string {
	var names []string
	for _, task := range st.Send {
		names = append(names, task.Name)
	}
	for _, task := range st.MeshTasks {
		names = append(names, task.Name)
	}
	slices.Sort(names)
	return names
}

// wantAgeOfStopped stops a daemon in the middle of everything, and asks the others.
func wantAgeOfStopped(t *testing.T, l *lab, c *appliance) {
	t.Helper()
	if err := c.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	time.Sleep(500 * time.Millisecond) // what it was about to answer is on its way still
	var asked sync.WaitGroup
	for _, a := range l.without(c) {
		asked.Go(func() { wantAge(t, l, a, c) })
	}
	asked.Wait()
	if err := c.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	back := l.soon(30*time.Second, c.name+" is back", func() string { return l.missing(l.nodes, control.Online) })
	t.Logf("all online %v after it went on", back.Round(time.Millisecond))
}

// wantAge asks a for the status while c is stopped, but not yet known to be.
func wantAge(t *testing.T, l *lab, a, c *appliance) {
	t.Helper()
	start := time.Now()
	answer, err := a.client.Status(t.Context(), control.StatusRequest{})
	took := time.Since(start)
	if err != nil || took > lasting(patience, 3*time.Second) {
		t.Errorf("%s: status took %v: %v", a.name, took, err)
		return
	}
	if !slices.ContainsFunc(answer.Silent, func(s control.Silence) bool { return s.Appliance == c.name && !s.AsOf.IsZero() }) {
		t.Errorf("%s does not say how old what it shows of %s is: %+v", a.name, c.name, answer.Silent)
	}
	if pools := poolsOf(answer.Value); len(pools) != len(l.nodes) {
		t.Errorf("%s shows the pools of %q", a.name, pools)
	}
	t.Logf("%s: status in %v while %s is stopped", a.name, took.Round(time.Millisecond), c.name)
}

// wantRemoval removes the last appliance by the first, while the last but one
// sends to it. The limit lets no disk be so fast that the run is over before.
func wantRemoval(t *testing.T, l *lab) {
	t.Helper()
	a, d, e := l.nodes[0], l.nodes[3], l.nodes[4]
	const task = "share-nas-d-nas-e"
	fill(t, d.pool.Path()+"/share-nas-d", "big", 500<<20)
	d.must("task", "edit", task, "--bwlimit", "50M")
	d.must("task", "run", task)
	d.eventually(patience, "the run is in its middle", func() bool {
		p := progress(d, task)
		return p != nil && p.DoneBytes > 20<<20
	})
	a.must("appliance", "remove", e.name, "--yes")
	cut := l.soon(5*time.Second, "the run is cut", func() string { return running(d, e, task) })
	known := l.soon(5*time.Second, "it is removed for all", func() string {
		return l.missing([]*appliance{e}, control.Removed, l.without(e)...)
	})
	told := l.soon(5*time.Second, "it shows who removed it", func() string { return toldBy(e, a.name) })
	t.Logf("after the removal: run cut within %v, known to all within %v, shown by itself within %v", cut, cut+known, cut+known+told)
	wantRefused(t, l, e)
	for _, n := range l.nodes {
		n.kill(syscall.SIGTERM)
	}
	for _, n := range l.nodes {
		n.start()
	}
	l.soon(10*time.Second, "the others are online again", func() string { return l.missing(l.without(e), control.Online, l.without(e)...) })
	if wrong := l.missing([]*appliance{e}, control.Removed, l.without(e)...); wrong != "" {
		t.Error("after the restart of all:", wrong)
	}
	wantRefused(t, l, e)
}

// running says which end of a task still has a run.
func running(from, to *appliance, task string) string {
	if progress(from, task) != nil {
		return from.name + " sends"
	}
	for _, r := range items[control.Replica](to, "receive", "list") {
		if r.State == control.StateReceiving {
			return to.name + " receives"
		}
	}
	return ""
}

// toldBy says what is missing in how a removed appliance shows who removed it.
func toldBy(e *appliance, who string) string {
	answer, _ := e.overview()
	for _, w := range answer.Value.Warnings {
		if strings.Contains(w.Text, "removed from the mesh by "+who) {
			return ""
		}
	}
	return fmt.Sprintf("%s warns of %+v", e.name, answer.Value.Warnings)
}

// wantRefused checks that no other appliance and e answer each other.
func wantRefused(t *testing.T, l *lab, e *appliance) {
	t.Helper()
	for _, other := range l.without(e) {
		if err := other.pings(e); err == nil {
			t.Errorf("%s pings the removed %s", other.name, e.name)
		}
		err := e.pings(other)
		if err == nil {
			t.Errorf("the removed %s pings %s", e.name, other.name)
		}
	}
	if _, err := os.Stat(e.pool.Path() + "/.btrmesh/replicas"); err != nil {
		t.Errorf("the replicas on the removed appliance: %v", err)
	}
}
