package mesh

import (
	"bytes"
	"context"
	"io"
	"sync"
	"time"

	"btrmesh/btrfs"
	"btrmesh/btrfs/btrfstest"
	"btrmesh/btrfs/receive"
	"btrmesh/btrfs/sendstream"
)

// volume is the pool of a member with what a test puts before it: it can be
// unmounted, and slow. Safe for concurrent use.
type volume struct {
	fake *btrfstest.Fake
	kept *checkpoints

	mu       sync.Mutex
	absent   error         // why it is not mounted; nil: it is
	pace     int           // bytes per second of streams sent and received; 0: no limit
	deletion time.Duration // of one snapshot
	sealing  time.Duration // from the commit until Receive returns
	sending  int           // now
	most     int           // sent at once so far
}

func newVolume(fake *btrfstest.Fake) *volume {
	return &volume{fake: fake, kept: &checkpoints{Fake: fake, begun: map[btrfs.UUID]beginning{}}}
}

func (v *volume) open(at PoolPath) (*Pool, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.absent != nil {
		return nil, v.absent
	}
	return &Pool{Name: at.Name, Path: at.Path, UUID: v.fake.UUID(), Shares: v.fake, Devices: disks{}, Snapshots: v.fake, Source: slowSource{v.fake, v}, Replicas: slowTarget{v.fake, v}, Checkpoints: v.kept, Close: v.fake.Close}, nil
}

// unmount makes the pool one that is not there; nil mounts it.
func (v *volume) unmount(why error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.absent = why
}

// slow sets how many bytes per second streams go at; 0: as fast as they can.
func (v *volume) slow(pace int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.pace = pace
}

// slowCommits sets how long a commit takes after it has become visible.
func (v *volume) slowCommits(d time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sealing = d
}

// slowDeletes sets how long the deletion of a snapshot takes.
func (v *volume) slowDeletes(d time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.deletion = d
}

// atOnce returns how many streams were sent at the same time at the most.
func (v *volume) atOnce() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.most
}

func (v *volume) begin() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sending++
	v.most = max(v.most, v.sending)
}

func (v *volume) end() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sending--
}

// wait takes the time that n bytes take.
func (v *volume) wait(ctx context.Context, n int) error {
	v.mu.Lock()
	pace := v.pace
	v.mu.Unlock()
	if pace == 0 {
		return nil
	}
	return rest(ctx, time.Duration(n)*time.Second/time.Duration(pace))
}

func rest(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

type slowSource struct {
	*btrfstest.Fake
	v *volume
}

func (s slowSource) Send(ctx context.Context, w io.Writer, r btrfs.SendRequest) (sendstream.Stats, error) {
	s.v.begin()
	defer s.v.end()
	slow := ioFunc(func(b []byte) (int, error) {
		if err := s.v.wait(ctx, len(b)); err != nil {
			return 0, err
		}
		return w.Write(b)
	})
	if r.From.IsZero() {
		return s.Fake.Send(ctx, slow, r)
	}
	var all bytes.Buffer
	if sent, err := s.Fake.Send(ctx, &all, r); err != nil {
		return sent, err
	}
	return sendstream.CopyFrom(slow, &all, sendstream.Limits{}, r.From)
}

type slowTarget struct {
	*btrfstest.Fake
	v *volume
}

func (t slowTarget) Receive(ctx context.Context, s receive.Spec, r io.Reader) (receive.Received, error) {
	got, err := t.v.kept.Receive(ctx, s, ioFunc(func(b []byte) (int, error) {
		n, err := r.Read(b[:min(len(b), 32<<10)])
		if waited := t.v.wait(ctx, n); waited != nil {
			return n, waited
		}
		return n, err
	}))
	t.v.mu.Lock()
	d := t.v.sealing
	t.v.mu.Unlock()
	if err == nil {
		err = rest(context.WithoutCancel(ctx), d)
	}
	return got, err
}

func (t slowTarget) Delete(ctx context.Context, from receive.Replica, snap receive.Received) error {
	t.v.mu.Lock()
	d := t.v.deletion
	t.v.mu.Unlock()
	if err := rest(ctx, d); err != nil {
		return err
	}
	return t.Fake.Delete(ctx, from, snap)
}

// ioFunc is a Read or a Write method.
type ioFunc func([]byte) (int, error)

func (f ioFunc) Read(b []byte) (int, error)  { return f(b) }
func (f ioFunc) Write(b []byte) (int, error) { return f(b) }
