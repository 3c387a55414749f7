package mesh

import (
	"bytes"
	"context"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"btrmesh/btrfs"
	"btrmesh/btrfs/btrfstest"
	"btrmesh/btrfs/receive"
	"btrmesh/btrfs/sendstream"
	"btrmesh/state"
)

// checkpoints lets a pool in memory go on with a receive that was cut, from at most
// so many bytes of its stream. Safe for concurrent use.
type checkpoints struct {
	*btrfstest.Fake
	most int64 // 0: there are none

	mu     sync.Mutex
	begun  map[btrfs.UUID]beginning // by snapshot
	goneOn int                      // times that a receive has
}

// beginning is what was applied of a stream.
type beginning struct {
	receive.Checkpoint
	stream []byte
}

func (c *checkpoints) Checkpoint(_ context.Context, _, _ string, snapshot btrfs.UUID) (receive.Checkpoint, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b, ok := c.begun[snapshot]
	return b.Checkpoint, ok, nil
}

// spoil makes the checkpoints be of other streams than those that will be sent.
func (c *checkpoints) spoil() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, b := range c.begun {
		b.At.Fingerprint[0]++
		c.begun[id] = b
	}
}

// Receive receives what follows a checkpoint as if it were the whole stream.
func (c *checkpoints) Receive(ctx context.Context, s receive.Spec, r io.Reader) (receive.Received, error) {
	if c.most == 0 {
		return c.Fake.Receive(ctx, s, r)
	}
	var came bytes.Buffer
	skipped := int64(0)
	if !s.From.IsZero() {
		before := c.take(s.Snapshot)
		n, err := io.CopyN(io.Discard, r, streamHead)
		if err != nil {
			return receive.Received{}, err
		}
		skipped = int64(len(before)) - n
		r = io.MultiReader(bytes.NewReader(before), r)
	}
	got, err := c.Fake.Receive(ctx, s, io.TeeReader(r, &came))
	got.StreamBytes, got.ResumedBytes = got.StreamBytes-skipped, s.From.Bytes
	if err != nil {
		c.keep(s, came.Bytes())
	}
	return got, err
}

// streamHead is the length of what comes before the first command.
const streamHead = 17

func (c *checkpoints) take(snapshot btrfs.UUID) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.goneOn++
	return c.begun[snapshot].stream
}

func (c *checkpoints) resumed() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.goneOn
}

// keep notes how far a stream that was cut has been applied.
func (c *checkpoints) keep(s receive.Spec, stream []byte) {
	rd, at := sendstream.NewReader(bytes.NewReader(stream), sendstream.Limits{}), sendstream.TrackFrom(sendstream.Position{})
	var last sendstream.Position
	for cmd := (sendstream.Command{}); rd.Next(&cmd) == nil && rd.Offset() <= c.most; {
		at.Add(&cmd)
		if here, ok := at.Position(); ok {
			last = here
		}
	}
	if last.IsZero() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	of := receive.Identity{Snapshot: s.Snapshot, CTransID: s.CTransID, Parent: s.Parent}
	c.begun[s.Snapshot] = beginning{receive.Checkpoint{At: last, Identity: of}, stream[:last.Bytes]}
}

// cutTogether is a source whose first run to two targets was cut, with the same
// checkpoint on both, and may run again.
func cutTogether(t *testing.T, between func(to []*member), test func(a *member, to []*member, tasks []string)) {
	t.Helper()
	fanned(t, 2, 60, func(a *member) {
		slowly(256 << 10)(a)
		for _, m := range a.fleet.nodes {
			m.volume.kept.most = 1 << 20
		}
		a.restart() // the pool is opened anew
	}, func(_ *fleet, a *member, to []*member, tasks []string) {
		time.Sleep(7 * time.Second)
		a.switchService(false)
		a.restart()
		between(to)
		time.Sleep(time.Minute) // each is tried again at a moment of its own
		a.switchService(true)
		time.Sleep(20 * time.Second)
		test(a, to, tasks)
	})
}

func TestTwoRunsGoOnTogetherFromOneCheckpoint(t *testing.T) {
	cutTogether(t, func([]*member) {}, func(a *member, to []*member, tasks []string) {
		for i, m := range to {
			m.holds(a, "photos")
			second := a.run(state.Send, tasks[i], 2)
			if m.volume.kept.resumed() != 1 || second.ResumedBytes == 0 || !slices.Equal(second.Together, butTask(tasks, tasks[i])) {
				a.t.Errorf("the second run of %s: %+v", tasks[i], second)
			}
		}
		if got := a.sends(); got != 2 {
			a.t.Errorf("%d sends, want the one that was cut and one more", got)
		}
	})
}

func TestRunsWhoseCheckpointIsOfAnotherStreamStartOverTogether(t *testing.T) {
	cutTogether(t, func(to []*member) {
		for _, m := range to {
			m.volume.kept.spoil()
		}
	}, func(a *member, to []*member, tasks []string) {
		for i, m := range to {
			m.holds(a, "photos")
			second := a.run(state.Send, tasks[i], 2)
			if second.State != state.Done || second.ResumedBytes != 0 || !slices.Equal(second.Together, butTask(tasks, tasks[i])) {
				a.t.Errorf("the second run of %s: %+v", tasks[i], second)
			}
		}
		if !a.said("it is sent from the beginning") {
			a.t.Error("nobody said so")
		}
		if got := a.sends(); got != 3 {
			a.t.Errorf("%d sends, want the one that was cut, the one that differed and a whole one", got)
		}
	})
}
