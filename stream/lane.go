package stream

import (
	"cmp"
	"context"
	"errors"
	"sync/atomic"
	"time"
)

var (
	errRetired = errors.New("not needed any more")
	errStill   = errors.New("nothing arrives on it")
)

// lane is one lane of a session at its source: a goroutine with a carrier.
type lane struct {
	serial  uint32
	kind    LaneKind
	plain   bool
	written atomic.Int64 // bytes given to the carrier, chunks and their headers
	kill    context.CancelCauseFunc
	retire  context.CancelFunc

	// Guarded by crew.mu.
	state     laneState
	pacer     *pacer // nil while dialling
	delivered int64  // bytes that the target has reported
	still     time.Duration
	held      time.Duration // pacer.waited at the last report
}

// mortal is a carrier that knows when its connection has ended, without a Write.
type mortal interface{ gone() <-chan struct{} }

// carry runs la from its dial to its end. It returns nil if la was told to end
// and the target has all of what it sent.
func (c *crew) carry(ctx context.Context, la *lane) error {
	ctx, la.kill = context.WithCancelCause(ctx)
	defer la.kill(nil)
	work, retire := context.WithCancel(ctx)
	defer retire()
	if !c.enter(la, retire) {
		return errRetired
	}
	on, err := c.open(ctx, la.serial, la.kind, la.plain)
	if err != nil {
		return err
	}
	defer on.cut()
	defer context.AfterFunc(ctx, on.cut)()
	if m, ok := on.(mortal); ok {
		defer watchCarrier(ctx, m, la.kill)()
	}
	paced := c.opened(la, on)
	defer c.queue.leave(la.serial)
	if err := c.send(work.Done(), la, paced); err != nil {
		return cmp.Or(context.Cause(ctx), err)
	}
	return c.finish(ctx, la, on)
}

// watchCarrier kills a lane whose connection has ended, until release is called.
func watchCarrier(ctx context.Context, m mortal, kill context.CancelCauseFunc) (release func()) {
	ended := make(chan struct{})
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer close(ended)
		select {
		case <-m.gone():
			kill(ErrLost)
		case <-ctx.Done():
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}

// send sends chunks until stop is closed.
func (c *crew) send(stop <-chan struct{}, la *lane, on carrier) error {
	var head []byte
	for {
		p := c.queue.take(la.serial, stop)
		if p == nil {
			return nil
		}
		head = appendChunkHeader(head[:0], p.header)
		err := c.write(la, on, head)
		if err == nil {
			err = c.write(la, on, p.block)
		}
		p.release()
		if err != nil {
			return err
		}
	}
}

func (c *crew) write(la *lane, on carrier, b []byte) error {
	la.written.Add(int64(len(b))) // before the target can report it
	n, err := on.Write(b)
	c.data.Add(int64(n))
	return err
}

// finish ends a lane properly: it waits until the target has what was sent.
func (c *crew) finish(ctx context.Context, la *lane, on carrier) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := on.finish(); err != nil {
		return err
	}
	for {
		left, changed := c.queue.unconfirmed(la.serial)
		if left == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
