package mesh

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"btrmesh/btrfs"
	"btrmesh/btrfs/receive"
	"btrmesh/mesh/control"
	"btrmesh/state"
)

// history returns the runs of a task, oldest first, as "1 full ok".
func (m *member) history(task string) []string {
	m.t.Helper()
	runs, err := m.taskHistory(m.ctx(), control.TaskHistory{Task: task, Limit: 1000})
	return oldestFirst(m.t, runs, err, func(r control.Run) string { return outcome(r.Number, r.Kind, r.Result) })
}

// received is history as the target saw it.
func (m *member) received(replica string) []string {
	m.t.Helper()
	runs, err := m.receiveHistory(m.ctx(), control.ReceiveHistory{Replica: replica, Limit: 1000})
	return oldestFirst(m.t, runs, err, func(r control.Receipt) string { return outcome(r.Number, r.Kind, r.Result) })
}

// oldestFirst turns round a history, which is told newest first, and says each of it.
func oldestFirst[R any](t *testing.T, runs []R, err error, say func(R) string) []string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, r := range slices.Backward(runs) {
		list = append(list, say(r))
	}
	return list
}

func outcome(number uint64, kind string, result control.Result) string {
	if kind == "" {
		return fmt.Sprintf("%d %s", number, result)
	}
	return fmt.Sprintf("%d %s %s", number, kind, result)
}

// holds checks that the newest snapshot of a replica on m is what the share on
// source is now.
func (m *member) holds(source *member, share string) {
	m.t.Helper()
	want, err := source.fake.Files(share)
	if err != nil {
		m.t.Fatal(err)
	}
	replica, ok, err := m.fake.Find(m.ctx(), source.identity.ID().String(), share)
	if err != nil || !ok {
		m.t.Fatalf("%s has no replica of %s: %v", m.name, share, err)
	}
	newest := replica.Snapshots[len(replica.Snapshots)-1]
	got, err := m.fake.Files(replica.Path + "/" + newest.Dir + "/data")
	if err != nil {
		m.t.Fatal(err)
	}
	if !maps.Equal(want, got) {
		m.t.Errorf("replica %s@%s on %s holds %v, the share %v", share, source.name, m.name, got, want)
	}
}

// shown is a task as status shows it.
func (m *member) shown(task string) control.Task {
	m.t.Helper()
	t, err := m.api.task(m.ctx(), control.TaskRequest{Task: task})
	if err != nil {
		m.t.Fatal(err)
	}
	return t
}

// last is the newest run of a task as its history shows it.
func (m *member) last(task string) control.Run {
	m.t.Helper()
	runs, err := m.taskHistory(m.ctx(), control.TaskHistory{Task: task, Limit: 1})
	if err != nil || len(runs) == 0 {
		m.t.Fatalf("%s has no run: %v", task, err)
	}
	return runs[0]
}

// snapshots lists the source snapshots on m, oldest first.
func (m *member) snapshots() []btrfs.Snapshot {
	m.t.Helper()
	all, err := m.fake.Snapshots(m.ctx())
	if err != nil {
		m.t.Fatal(err)
	}
	return all
}

// committed lists what m holds of a share of source, oldest first.
func (m *member) committed(source *member, share string) []receive.Received {
	m.t.Helper()
	replica, _, err := m.fake.Find(context.WithoutCancel(m.ctx()), source.id(), share)
	if err != nil {
		m.t.Error(err)
	}
	return replica.Snapshots
}

// wantHistory checks a task's runs, oldest first, as "1 full ok".
func (m *member) wantHistory(task string, want ...string) {
	m.t.Helper()
	if got := m.history(task); !slices.Equal(got, want) {
		m.t.Errorf("history of %s: %q, want %q", task, got, want)
	}
}

// wantState checks what status says of a task.
func (m *member) wantState(task string, want control.State, why string) {
	m.t.Helper()
	if got := m.shown(task); got.State != want || !strings.Contains(got.Reason, why) {
		m.t.Errorf("%s is %s: %q, want %s: %q", task, got.State, got.Reason, want, why)
	}
}

// wantFailure checks the newest run of a task, its code and its words.
func (m *member) wantFailure(task, code, words string) {
	m.t.Helper()
	got := m.last(task)
	if got.Result != control.ResultFailed || got.Error == nil || got.Error.Code != code || !strings.Contains(got.Error.Msg, words) {
		m.t.Errorf("run %d of %s is %s: %+v, want failed with %s: %q", got.Number, task, got.Result, got.Error, code, words)
	}
}

// wantReceived is wantHistory of a replica.
func (m *member) wantReceived(replica string, want ...string) {
	m.t.Helper()
	if got := m.received(replica); !slices.Equal(got, want) {
		m.t.Errorf("history of %s: %q, want %q", replica, got, want)
	}
}

// run returns what m recorded of a run, zero if it did not.
func (m *member) run(side state.Side, task string, number uint64) state.Run {
	m.t.Helper()
	var runs []state.Run
	m.view(func(tx *state.Tx) (err error) {
		runs, err = tx.Runs(state.RunFilter{Side: side, Task: task})
		return err
	})
	for _, r := range runs {
		if r.Number == number {
			return r
		}
	}
	return state.Run{}
}

// overview is what status shows.
func (m *member) overview() control.Status {
	m.t.Helper()
	st, err := m.status(m.ctx(), control.StatusRequest{})
	if err != nil {
		m.t.Fatal(err)
	}
	return st
}

// wantWarning checks that status warns in words that begin with those.
func (m *member) wantWarning(level, text string) {
	m.t.Helper()
	list := m.overview().Warnings
	for _, w := range list {
		if w.Level == level && strings.HasPrefix(w.Text, text) {
			return
		}
	}
	m.t.Errorf("warnings are %+v, want %s: %q", list, level, text)
}

// wantLate checks the warning about a task that is late now.
func (m *member) wantLate(task, level, why string) {
	m.t.Helper()
	shown := m.shown(task)
	lag := control.Duration(control.Seconds(*shown.LagSeconds).Round(time.Second))
	m.wantWarning(level, fmt.Sprintf("%s is late (lag %s, frequency %ds): %s", task, lag, shown.EverySeconds, why))
}
