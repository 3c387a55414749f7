package mesh

import (
	"context"
	"io"
	"time"

	"btrmesh/btrfs"
	"btrmesh/btrfs/receive"
	"btrmesh/btrfs/sendstream"
)

// Shares is what the engine asks of a pool about its shares.
type Shares interface {
	Shares(ctx context.Context) ([]btrfs.Share, error)
	Share(ctx context.Context, name string) (btrfs.Share, error)
	Generation(ctx context.Context, share btrfs.Share) (uint64, error)
	Warnings(ctx context.Context, share btrfs.Share) ([]string, error)
	Space() (btrfs.Space, error)
}

// Snapshots is what the engine asks of a pool about source snapshots and the
// tasks that hold them.
type Snapshots interface {
	Snapshot(ctx context.Context, share btrfs.Share, task string, at time.Time) (btrfs.Snapshot, error)
	Snapshots(ctx context.Context) ([]btrfs.Snapshot, error)
	HoldSnapshot(ctx context.Context, s btrfs.Snapshot, task string) error
	ReleaseSnapshot(ctx context.Context, s btrfs.Snapshot, task string) error
	SweepSnapshots(ctx context.Context) ([]string, error)
}

// Source is what the engine asks of a pool it sends from.
type Source interface {
	Estimate(ctx context.Context, r btrfs.SendRequest) (int64, error)
	Send(ctx context.Context, w io.Writer, r btrfs.SendRequest) (sendstream.Stats, error)
}

// Replicas is what the engine asks of a pool it receives into.
type Replicas interface {
	Receive(ctx context.Context, s receive.Spec, r io.Reader) (receive.Received, error)
	Replicas(ctx context.Context) ([]receive.Replica, error)
	Find(ctx context.Context, source, share string) (receive.Replica, bool, error)
	Delete(ctx context.Context, replica receive.Replica, snapshot receive.Received) error
	Sweep(ctx context.Context) ([]string, error)
}

// Checkpoints is what the engine asks of a pool about receives that were cut.
type Checkpoints interface {
	Checkpoint(ctx context.Context, source, share string, snapshot btrfs.UUID) (receive.Checkpoint, bool, error)
}

// Pool is one pool in use: its name here, its identity, and what can be done
// with it. A pool on disk and the fake of the tests differ in the interfaces
// alone.
type Pool struct {
	Name string
	Path string
	UUID btrfs.UUID
	Shares
	Devices
	Snapshots
	Source
	Replicas
	Checkpoints
	Close func() error
}
