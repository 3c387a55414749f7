package mesh

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"

	"btrmesh/btrfs/btrfstest"
	"btrmesh/mesh/control"
	"btrmesh/state"
)

func (m *member) ctx() context.Context { return m.t.Context() }

func (m *member) address() string { return m.conn.LocalAddr().String() }

func (m *member) id() string { return m.identity.ID().String() }

func (m *member) sent(p simnet.Packet) bool { return p.From.String() == m.address() }

func (m *member) gets(p simnet.Packet) bool { return p.To.String() == m.address() }

// halt stops the node and waits for it. Nobody reads its packets any more. One
// that was stopped stays so.
func (m *member) halt() {
	m.t.Helper()
	if m.stop == nil {
		return
	}
	m.stop()
	m.stop = nil
	if err := <-m.ended; err != nil {
		m.t.Errorf("%s: %v", m.name, err)
	}
	synctest.Wait()
	m.fleet.silence(m, true)
}

// restart stops the node properly and starts it again.
func (m *member) restart() {
	m.t.Helper()
	m.halt()
	m.start()
}

// crash is kill -9 or a power cut: no packet leaves any more, the pool keeps
// what was committed and a partial in staging, the state what was recorded.
// What the dying node does after that is taken back.
func (m *member) crash() {
	m.t.Helper()
	synctest.Wait()
	recorded := m.recorded()
	m.fleet.silence(m, true)
	m.fake.Crash()
	for _, op := range []btrfstest.Op{btrfstest.OpSnapshot, btrfstest.OpHoldSnapshot, btrfstest.OpReleaseSnapshot, btrfstest.OpSend, btrfstest.OpReceive, btrfstest.OpDelete} {
		m.fake.Inject(btrfstest.Fault{Op: op, Err: btrfstest.ErrCrashed, Every: true})
	}
	m.halt()
	m.fake.Heal()
	m.put(recorded)
}

// record is what a node writes to its state while it runs.
type record struct {
	tasks []state.Task
	open  []state.Run
}

func (m *member) recorded() record {
	m.t.Helper()
	var r record
	m.view(func(tx *state.Tx) (err error) {
		if r.tasks, err = tx.Tasks(); err != nil {
			return err
		}
		r.open, err = tx.OpenRuns()
		return err
	})
	return r
}

func (m *member) put(r record) {
	m.t.Helper()
	m.update(func(tx *state.Tx) error {
		for _, t := range r.tasks {
			if err := tx.PutTask(t); err != nil {
				return err
			}
		}
		for _, run := range r.open {
			if err := tx.PutRun(run); err != nil {
				return err
			}
		}
		return nil
	})
}

func (m *member) view(fn func(*state.Tx) error) {
	m.t.Helper()
	if err := m.store.View(fn); err != nil {
		m.t.Fatal(err)
	}
}

func (m *member) update(fn func(*state.Tx) error) {
	m.t.Helper()
	if err := m.store.Update(fn); err != nil {
		m.t.Fatal(err)
	}
}

// meet pairs b with a and lets a write into b's pool.
func meet(a, b *member) {
	a.t.Helper()
	inv, err := a.invite(a.ctx(), control.CreateInvite{})
	if err != nil {
		a.t.Fatal(err)
	}
	_, err = b.api.join(b.ctx(), control.JoinMesh{Code: inv.Code, Address: a.conn.LocalAddr().String(), ReceiveInto: "tank"})
	if err != nil {
		a.t.Fatalf("join: %v", err)
	}
}

// add adds a task from m to another and returns its name.
func (m *member) add(share string, to *member, every int64) string {
	m.t.Helper()
	return m.addWith(control.AddTask{Share: share, To: to.name, Pool: "tank", EverySeconds: every})
}

func (m *member) addWith(req control.AddTask) string {
	m.t.Helper()
	change, err := m.addTask(m.ctx(), req)
	if err != nil {
		m.t.Fatalf("add task: %v", err)
	}
	return change.Task.Name
}

// share makes a share with some files.
func (m *member) newShare(name string, files map[string]string) {
	m.t.Helper()
	if err := m.fake.CreateShare(name); err != nil {
		m.t.Fatal(err)
	}
	m.write(name, files)
}

func (m *member) write(share string, files map[string]string) {
	m.t.Helper()
	for name, content := range files {
		if err := m.fake.WriteFile(share, name, []byte(content)); err != nil {
			m.t.Fatal(err)
		}
	}
}

// trigger asks for a run and gives it time.
func (m *member) trigger(task string, full bool) {
	m.t.Helper()
	if _, err := m.runTask(m.ctx(), control.RunTask{Task: task, Full: full}); err != nil {
		m.t.Fatal(err)
	}
	time.Sleep(2 * time.Second)
}

// blob is n bytes that do not compress, other ones for each seed.
func blob(seed byte, n int) string {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b) // never fails
	return string(b)
}

// newBigShare makes a share of 2 MiB: at 256 KiB/s a run of it lasts 8 s.
func (m *member) newBigShare(name string) {
	m.t.Helper()
	m.newShare(name, map[string]string{"a": blob(1, 1<<20), "b": blob(2, 1<<20)})
}

// loseDatabase restarts the node with nothing but its key and its pool.
func (m *member) loseDatabase() {
	m.t.Helper()
	m.halt()
	m.lost = true
	if err := m.store.Close(); err != nil {
		m.t.Fatal(err)
	}
	var err error
	if m.store, err = state.OpenMemory(); err != nil {
		m.t.Fatal(err)
	}
	m.start()
}

// untilRunning waits at most an hour for a run to be under way.
func (m *member) untilRunning(task string) {
	m.t.Helper()
	for range 3600 {
		if m.shown(task).Progress != nil {
			return
		}
		time.Sleep(time.Second)
	}
	m.t.Fatalf("%s does not run: %q", task, m.history(task))
}

// reopen makes a received run one that was being committed.
func (m *member) reopen(task string, number uint64) {
	m.t.Helper()
	run := m.run(state.Receive, task, number)
	run.State, run.Ended = state.Committing, time.Time{}
	m.put(record{open: []state.Run{run}})
}

// forget makes other no member any more.
func (m *member) forget(other *member) {
	m.t.Helper()
	err := m.members.override(func(tx *state.Tx, _ *roster) error {
		return tx.PutDecision(state.Decision{Subject: other.identity.ID(), Verdict: state.Remove, At: time.Now()})
	})
	if err != nil {
		m.t.Fatal(err)
	}
}

// setKeep changes what a task keeps, on a node that is stopped.
func (m *member) setKeep(task string, source uint32, target string) {
	m.t.Helper()
	m.update(func(tx *state.Tx) error {
		return updateTask(tx, task, func(t *state.Task) { t.KeepSource, t.KeepTarget = source, target })
	})
}

// rekeep changes what a task keeps, on a node that runs.
func (m *member) rekeep(task string, source uint32, target string) {
	m.t.Helper()
	m.halt()
	m.setKeep(task, source, target)
	m.start()
}

// churn changes a share every minute, n times, and never in the moment in which
// runs that are due every minute begin: such a change may be part of that run or of
// the next one.
func (m *member) churn(share string, n int) {
	m.t.Helper()
	time.Sleep(10 * time.Second)
	for i := range n {
		m.write(share, map[string]string{"changing": fmt.Sprint(time.Now(), i)})
		time.Sleep(time.Minute)
	}
}

// untilFailed waits until the newest run of a task is known to have failed.
func (m *member) untilFailed(task string) {
	m.t.Helper()
	for range 300 {
		if m.last(task).Result == control.ResultFailed {
			return
		}
		time.Sleep(time.Second)
	}
	m.t.Fatalf("%s does not fail: %q", task, m.history(task))
}

// untilIdle waits at most a minute until no run is under way.
func (m *member) untilIdle(task string) {
	m.t.Helper()
	for range 60 {
		if m.shown(task).Progress == nil {
			return
		}
		time.Sleep(time.Second)
	}
	m.t.Fatalf("%s runs and runs: %q", task, m.history(task))
}
