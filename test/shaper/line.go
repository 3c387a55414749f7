// Package shaper is a line between two network namespaces that delays, limits,
// loses, reorders, doubles and cuts, for tests and benchmarks: two TUN devices,
// one in each namespace, and what lies between them in this process. It stands
// in for tc-netem(8), which many kernels lack. It needs root.
package shaper

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
)

// Config says between whom the line is. Both namespaces exist already.
type Config struct {
	A, B End
	Seed uint64 // of all chance; the same seed is unlucky in the same way
}

// End is one end of a line: a device eth0 with that address.
type End struct {
	Namespace string // as in ip-netns(8)
	Address   string // with the length of the network: 10.78.0.1/24
}

// Line is a line that is up. All methods but those that move are safe for
// concurrent use.
type Line struct {
	ends   [2]End
	tuns   [2]io.Closer
	ways   [2]*way // from A to B, from B to A
	done   chan struct{}
	closed sync.Once
	wg     sync.WaitGroup
}

// Open makes the devices and a line without faults between them. Close has to be
// called. ctx bounds the making only.
func Open(ctx context.Context, c Config) (*Line, error) {
	a, err := openEnd(ctx, c.A)
	if err != nil {
		return nil, err
	}
	b, err := openEnd(ctx, c.B)
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	l := &Line{ends: [2]End{c.A, c.B}, tuns: [2]io.Closer{a, b}, done: make(chan struct{})}
	l.ways[0] = newWay(a, b, rand.New(rand.NewPCG(c.Seed, 1)))
	l.ways[1] = newWay(b, a, rand.New(rand.NewPCG(c.Seed, 2)))
	for _, w := range l.ways {
		l.wg.Go(w.take)
		l.wg.Go(func() { w.deliver(l.done) })
	}
	return l, nil
}

// Set gives both directions the same profile, from the next packet on. Packets
// under way keep what was decided for them, but for a line that is down.
func (l *Line) Set(p Profile) error { return l.SetEach(p, p) }

// SetEach gives each direction a profile of its own.
func (l *Line) SetEach(fromA, fromB Profile) error {
	if err := errors.Join(fromA.check(), fromB.check()); err != nil {
		return err
	}
	l.ways[0].set(fromA)
	l.ways[1].set(fromB)
	return nil
}

// Counts returns what became of the packets from A to B and from B to A.
func (l *Line) Counts() (fromA, fromB Counts) { return l.ways[0].count(), l.ways[1].count() }

// MoveA gives end A another address in place of the one it has; the packets on
// their way to the old one are in vain.
func (l *Line) MoveA(ctx context.Context, address string) error { return l.move(ctx, 0, address) }

// MoveB is MoveA for end B.
func (l *Line) MoveB(ctx context.Context, address string) error { return l.move(ctx, 1, address) }

func (l *Line) move(ctx context.Context, end int, address string) error {
	e := l.ends[end]
	// The other way round the new one would go along with its network.
	if err := ip(ctx, "-n", e.Namespace, "addr", "del", e.Address, "dev", device); err != nil {
		return err
	}
	if err := ip(ctx, "-n", e.Namespace, "addr", "add", address, "dev", device); err != nil {
		return err
	}
	l.ends[end].Address = address
	return nil
}

// Close ends the line and removes its devices. A second call does nothing.
func (l *Line) Close() error {
	var err error
	l.closed.Do(func() {
		close(l.done)
		err = errors.Join(l.tuns[0].Close(), l.tuns[1].Close())
		l.wg.Wait()
	})
	return err
}
