package stream

import (
	"context"
	"errors"
	"fmt"
)

// Write sends a part of the raw stream. It blocks while the target is behind
// and does not keep p.
func (o *Outbound) Write(p []byte) (int, error) {
	n, err := o.write(p)
	if err != nil {
		return n, fmt.Errorf("send %s: %w", o.offer.Share, err)
	}
	return n, nil
}

func (o *Outbound) write(p []byte) (int, error) {
	if o.ending.Load() {
		return 0, ErrMisuse
	}
	if err := o.ownFeed(); err != nil {
		return 0, err
	}
	n, err := o.feed.Write(p)
	if cause := o.cause(); cause != nil {
		return n, cause
	}
	return n, err
}

// ownFeed makes the feed of a session that follows no other.
func (o *Outbound) ownFeed() error {
	if o.feed != nil {
		return nil
	}
	f := NewFeed(o.endpoint.c.Log)
	if err := o.follow(f); err != nil {
		return err
	}
	o.feed = f
	return nil
}

// Follow makes the session send what is written into f. Begin must have
// returned, and nothing may have been written into f or this session.
func (o *Outbound) Follow(f *Feed) error {
	if err := o.follow(f); err != nil {
		return fmt.Errorf("follow a feed with %s: %w", o.offer.Share, err)
	}
	return nil
}

func (o *Outbound) follow(f *Feed) error {
	if !o.begun.Load() || o.followed {
		return ErrMisuse
	}
	if err := f.follow(o.queue); err != nil {
		return err
	}
	o.followed = true
	o.after(func() { f.leave(o.queue) })
	return nil
}

// End closes the raw stream, or waits until the feed that the session follows
// has ended, and then for the target's verdict: the one proof of success. It
// returns *BehindError as soon as the feed goes on without the session: see
// Continue. After an unchanged offer it only waits.
func (o *Outbound) End(ctx context.Context) (Committed, error) {
	c, err := o.finish(ctx)
	if err != nil {
		return Committed{}, fmt.Errorf("commit %s: %w", o.offer.Share, err)
	}
	return c, nil
}

func (o *Outbound) finish(ctx context.Context) (Committed, error) {
	if o.ending.Load() || !o.begun.Load() && !o.offer.Unchanged {
		return Committed{}, ErrMisuse
	}
	defer o.during(ctx)()
	if !o.offer.Unchanged {
		if err := o.flush(ctx); err != nil {
			return Committed{}, err
		}
	}
	o.ending.Store(true)
	c, err := reply[Committed](ctx, o)
	if err != nil {
		return Committed{}, err
	}
	if c.Snapshot != o.offer.Snapshot {
		o.fail(fmt.Errorf("committed %s instead of %s: %w", c.Snapshot, o.offer.Snapshot, ErrBadStream))
		return Committed{}, o.cause()
	}
	o.said.Store(true)
	o.wire.finish()
	return c, nil
}

// flush waits until all has been handed to the session, then sends the totals.
func (o *Outbound) flush(ctx context.Context) error {
	if !o.followed {
		if err := o.ownFeed(); err != nil {
			return err
		}
	}
	if o.again != nil && o.again.left() > 0 {
		o.fail(ErrDiverged)
		return o.cause()
	}
	if o.feed != nil {
		if err := o.feed.End(); err != nil {
			return errors.Join(o.cause(), err)
		}
	}
	all, err := o.awaitAll()
	if err != nil {
		return err
	}
	return o.send(ctx, end{Bytes: all.bytes, Chunks: all.chunks, XXH64: all.digest()})
}

// awaitAll waits until the feed has ended and returns where.
func (o *Outbound) awaitAll() (mark, error) {
	for {
		to, closed, behind, changed := o.queue.handed()
		switch {
		case behind:
			return mark{}, &BehindError{Bytes: to.bytes, Chunks: to.chunks}
		case closed:
			return to, nil
		}
		select {
		case <-changed:
		case <-o.done:
			return mark{}, o.cause()
		}
	}
}
