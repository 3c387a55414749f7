package mesh

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"btrmesh/mesh/control"
	"btrmesh/mesh/plan"
	"btrmesh/state"
	"btrmesh/stream"
)

// The most runs this appliance leads at once, in all, to one target and from one
// pool; but for one more each that is short: see plan.Plan.
const (
	maxRunning = 4
	maxPerPeer = 2
	maxPerPool = 3
)

// longestNap bounds how long the schedule sleeps: clocks jump, pools come back.
const longestNap = 10 * time.Second

// schedule starts the runs that fall due until ctx is done, and waits for them.
func (n *Node) schedule(ctx context.Context) error {
	var g errgroup.Group
	for ctx.Err() == nil {
		steps, err := n.plan(time.Now().UTC())
		if err != nil {
			n.log.Error("schedule not planned", "err", err)
		}
		n.steps.set(steps)
		for _, step := range steps {
			n.act(step)
		}
		n.launch(ctx, &g, steps)
		n.nap(ctx, steps)
	}
	return g.Wait()
}

// act does what a step says of a task that does not start.
func (n *Node) act(step plan.Step) {
	if step.Kind == plan.Pause {
		n.pause(step)
		return
	}
	hold(n.limits.task(step.Task), step.Limit)
}

// pause ends the run of a task whose window has ended. What is all sent goes on:
// it takes no more of the line.
func (n *Node) pause(step plan.Step) {
	live, ok := n.runs.get(runKey{side: state.Send, task: step.Task})
	if ok && live.stored().State < state.Committing {
		live.cancel(&pausedError{until: strings.TrimPrefix(step.Reason, "paused ")})
	}
}

// launch starts the runs of the steps. All are known before the first one does
// anything, so that those of one share can find together.
func (n *Node) launch(ctx context.Context, g *errgroup.Group, steps []plan.Step) {
	for _, run := range n.startAll(ctx, steps) {
		g.Go(run)
	}
}

// startAll numbers and records the runs of the steps, and returns what carries
// them out. A run's own failure is in its record.
func (n *Node) startAll(ctx context.Context, steps []plan.Step) (runs []func() error) {
	for _, step := range steps {
		if step.Kind != plan.Start {
			continue
		}
		ctx, cancel := context.WithCancelCause(ctx)
		s, err := n.startSend(step.Task, cancel)
		if err != nil || s == nil {
			cancel(nil)
			if err != nil {
				n.log.Error("run not started", "task", step.Task, "err", err)
			}
			continue
		}
		n.log.Debug("run starts", "task", step.Task, "reason", step.Reason)
		runs = append(runs, func() error {
			defer cancel(nil)
			if err := s.execute(ctx); err != nil {
				n.log.Error("run not recorded", "task", step.Task, "err", err)
			}
			return nil
		})
	}
	return runs
}

// nap sleeps until the next step is due, or something changes.
func (n *Node) nap(ctx context.Context, steps []plan.Step) {
	timer := time.NewTimer(untilNext(steps, time.Now()))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-n.wake:
	}
}

func untilNext(steps []plan.Step, now time.Time) time.Duration {
	nap := longestNap
	for _, s := range steps {
		if !s.Until.IsZero() {
			nap = min(nap, max(s.Until.Sub(now), 10*time.Millisecond))
		}
	}
	return nap
}

// plan gathers what is known and lets the planner decide.
func (n *Node) plan(now time.Time) ([]plan.Step, error) {
	view := plan.View{MaxRunning: maxRunning, MaxPerPeer: maxPerPeer, MaxPerPool: maxPerPool, Zone: n.zone}
	err := n.store.View(func(tx *state.Tx) error {
		me, _, err := tx.Appliance()
		if err != nil {
			return err
		}
		view.ServiceOn = !me.ServiceOff
		tasks, err := tx.Tasks()
		if err != nil {
			return err
		}
		for _, t := range tasks {
			planned, err := n.plannedTask(tx, t)
			if err != nil {
				return err
			}
			view.Tasks = append(view.Tasks, planned)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	return plan.Plan(view, now), nil
}

func (n *Node) plannedTask(tx *state.Tx, t state.Task) (plan.Task, error) {
	_, present := n.pools.byUUID(t.Pool)
	_, running := n.runs.get(runKey{side: state.Send, task: t.Name})
	last, _, err := lastRun(tx, t.Name)
	if err != nil {
		return plan.Task{}, err
	}
	target, outside := n.peerName(tx, t.Target), n.outsideFor(t.Target)
	if outside {
		target = n.name() // it is this appliance that is out
	}
	return plan.Task{
		PeerRemoved: outside || !n.members.is(t.Target),
		Name:        t.Name, Share: t.Share, PoolName: t.PoolName, Peer: t.Target, PeerName: target,
		Every: time.Duration(t.EverySeconds) * time.Second, Enabled: t.Enabled, Running: running,
		Requested: !t.RunRequested.IsZero(), PoolPresent: present, ShareFound: true, Created: t.Created,
		LastStart: last.Started, FreshAt: t.FreshAt, Failures: int(t.Failures), NextTry: t.NextTry, LastError: last.Error,
		LastEnd: lastEnd(last), Lost: lost(last), PeerBack: n.peers.get(t.Target).back, Paused: last.State == state.Paused,
		Busy: t.Busy, Replicated: !t.Base.IsZero(), Took: t.Took, Hours: hoursOf(t),
	}, nil
}

// hoursOf is when a task may send, and how fast.
func hoursOf(t state.Task) plan.Hours {
	w, err := plan.ParseWindow(t.Window)
	if err != nil { // none, for nothing else is stored
		w = plan.Window{}
	}
	return plan.Hours{Limit: t.LimitBytes, Window: w, Outside: t.OutsideBytes}
}

// lastEnd is when a run ended. One whose answer is awaited ended at some time
// after it began.
func lastEnd(rec state.Run) time.Time {
	if rec.Ended.IsZero() {
		return rec.Started
	}
	return rec.Ended
}

// lost tells a run that failed because the target was not reached or was lost.
func lost(rec state.Run) bool {
	switch rec.Code {
	case control.CodePeerUnreachable, codeConnectionLost, stream.ShuttingDown.String():
		return true
	}
	return awaitsVerdict(rec) && !rec.State.Final()
}

// lastRun returns the newest run of a task of this appliance.
func lastRun(tx *state.Tx, task string) (state.Run, bool, error) {
	runs, err := tx.Runs(state.RunFilter{Side: state.Send, Task: task, Limit: 1})
	if err != nil || len(runs) == 0 {
		return state.Run{}, false, err
	}
	return runs[0], true, nil
}

// stepBoard holds the newest plan, so that status can say what each task waits
// for. Safe for concurrent use.
type stepBoard struct {
	mu    sync.Mutex
	steps map[string]plan.Step
}

func (b *stepBoard) set(steps []plan.Step) {
	board := make(map[string]plan.Step, len(steps))
	for _, s := range steps {
		board[s.Task] = s
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.steps = board
}

// get returns the step of a task, the zero Step before it was planned.
func (b *stepBoard) get(task string) plan.Step {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.steps[task]
}
