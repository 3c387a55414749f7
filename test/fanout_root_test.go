//go:build root

package test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"btrmesh/mesh/control"
)

// twoTargets is a source whose share has a task to each of two appliances, which
// fall due at the same moment.
func twoTargets(t *testing.T) (l *lab, share string, tasks []string) {
	t.Helper()
	l = newLab(t, "nas-a", "nas-b", "nas-c")
	a := l.nodes[0]
	share = a.share("photos")
	mutate(t, share, 100, 200)
	for _, m := range l.nodes {
		m.start()
	}
	for _, m := range l.nodes[1:] {
		pair(a, m)
		tasks = append(tasks, "photos-"+m.name)
	}
	a.must("service", "off")
	for _, m := range l.nodes[1:] {
		a.must("task", "add", "photos", "--to", m.name, "--pool", "tank", "--every", "3600")
	}
	a.must("service", "on")
	return l, share, tasks
}

// finished waits for the run of a task with that number and returns it.
func (a *appliance) finished(task string, number uint64) (run control.Run) {
	a.t.Helper()
	a.eventually(2*time.Minute, "the end of a run of "+task, func() bool {
		runs := items[control.Run](a, "task", "history", task, "-n", "1")
		if len(runs) == 0 || runs[0].Number < number || !runs[0].Result.Final() {
			return false
		}
		run = runs[0]
		return true
	})
	return run
}

func TestTwoTargetsOfAShareGetOneSnapshotInOneSend(t *testing.T) {
	l, share, tasks := twoTargets(t)
	a := l.nodes[0]
	for round := range uint64(inLongForm(3, 20)) {
		if round > 0 {
			mutate(t, share, round, 60)
			for _, task := range tasks {
				a.must("task", "run", task)
			}
		}
		for i, m := range l.nodes[1:] {
			run := a.finished(tasks[i], round+1)
			if run.Result != control.ResultOK {
				t.Errorf("run %d of %s is %s: %s", run.Number, tasks[i], run.Result, run.Reason)
			}
			if round == 0 && !slices.Equal(run.Together, tasks[1-i:2-i]) {
				t.Errorf("the full stream was sent with %q, want %q", run.Together, tasks[1-i:2-i])
			}
			wantEqual(a, m, tasks[i], "photos")
		}
	}
	wantSnapshots(a)
}

// wantSnapshots checks that the tasks hold two snapshots each, and that nobody
// else's are left.
func wantSnapshots(a *appliance) {
	a.t.Helper()
	held := map[string]bool{}
	for _, task := range []string{"photos-nas-b", "photos-nas-c"} {
		dir := filepath.Join(a.pool.Path(), ".btrmesh/send", task)
		if n := entries(a.t, dir); n != 2 {
			a.t.Errorf("%s holds %d snapshots, keeps 2", task, n)
		}
		links, err := filepath.Glob(dir + "/*")
		if err != nil {
			a.t.Fatal(err)
		}
		for _, link := range links {
			at, err := filepath.EvalSymlinks(link)
			if err != nil {
				a.t.Error(err)
			}
			held[at] = true
		}
	}
	there, err := filepath.Glob(filepath.Join(a.pool.Path(), ".btrmesh/snapshots/*/*"))
	if err != nil || len(there) != len(held) {
		a.t.Errorf("%d snapshots are there, %d are held (%v)", len(there), len(held), err)
	}
}
