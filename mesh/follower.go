package mesh

import (
	"context"
	"slices"

	"btrmesh/stream"
)

// followerState is where a run stands towards its fanout.
//
//	joined → following → recorded
//	   └─────────┴───────────┴────→ left
type followerState uint8

const (
	joined    followerState = 1 // its target knows of nothing yet
	following followerState = 2 // its session gets the stream
	recorded  followerState = 3 // all is written, and it has recorded that
	left      followerState = 4
)

// follower is one run in a fanout. Its methods belong to the run's goroutine.
type follower struct {
	of   *fanout
	task string
	last bool // it was the last to leave

	state followerState // under the lock of all fanouts
}

// begun waits until the first byte of the stream is there. The error is that of
// the send if it failed before, or the end of ctx.
func (m *follower) begun(ctx context.Context) error {
	select {
	case <-m.of.opened:
		return nil
	case <-m.of.over:
		return m.of.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// follow lets the session have the stream. It is false when that flows already.
func (m *follower) follow(out *stream.Outbound) bool {
	m.of.all.mu.Lock()
	defer m.of.all.mu.Unlock()
	if !m.of.opening || out.Follow(m.of.feed) != nil {
		return false
	}
	m.become(following)
	return true
}

// record says that the run has recorded that all was written.
func (m *follower) record() {
	m.of.all.mu.Lock()
	defer m.of.all.mu.Unlock()
	m.become(recorded)
}

// leave ends the following. With the last follower the send is given up, unless
// it is over. Leaving again does nothing.
func (m *follower) leave() {
	m.of.all.mu.Lock()
	if m.state == left {
		m.of.all.mu.Unlock()
		return
	}
	m.become(left)
	m.of.followers = slices.DeleteFunc(m.of.followers, func(o *follower) bool { return o == m })
	m.last = len(m.of.followers) == 0
	if m.last && m.of.all.gathering[m.of.first.Stream] == m.of {
		delete(m.of.all.gathering, m.of.first.Stream)
	}
	m.of.all.mu.Unlock()
	if m.last {
		m.of.cancel(errDeserted)
		m.of.feed.Abort(errDeserted)
	}
}

// wait returns when what only this run still used has ended. It is called after
// leave, when the session is closed.
func (m *follower) wait() {
	if m.last {
		<-m.of.over
	}
}

// become is called with the lock held.
func (m *follower) become(next followerState) {
	m.state = next
	m.of.all.turned()
}
