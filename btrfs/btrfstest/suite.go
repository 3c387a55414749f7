package btrfstest

import (
	"context"
	"io"
	"testing"
	"time"

	"btrmesh/btrfs"
	"btrmesh/btrfs/receive"
	"btrmesh/btrfs/sendstream"
)

// Volumes is a pool as Suite uses it: all of [btrfs.Pool] and [receive.Target]
// that the mesh relies on, and hands for a test to change shares with.
type Volumes interface {
	Path() string
	Space() (btrfs.Space, error)
	Shares(ctx context.Context) ([]btrfs.Share, error)
	Share(ctx context.Context, name string) (btrfs.Share, error)
	Warnings(ctx context.Context, share btrfs.Share) ([]string, error)
	Generation(ctx context.Context, share btrfs.Share) (uint64, error)

	Snapshot(ctx context.Context, share btrfs.Share, task string, at time.Time) (btrfs.Snapshot, error)
	Snapshots(ctx context.Context) ([]btrfs.Snapshot, error)
	HoldSnapshot(ctx context.Context, s btrfs.Snapshot, task string) error
	ReleaseSnapshot(ctx context.Context, s btrfs.Snapshot, task string) error
	SweepSnapshots(ctx context.Context) ([]string, error)
	Estimate(ctx context.Context, r btrfs.SendRequest) (int64, error)
	Send(ctx context.Context, w io.Writer, r btrfs.SendRequest) (sendstream.Stats, error)

	Receive(ctx context.Context, s receive.Spec, r io.Reader) (receive.Received, error)
	Replicas(ctx context.Context) ([]receive.Replica, error)
	Find(ctx context.Context, source, share string) (receive.Replica, bool, error)
	Delete(ctx context.Context, replica receive.Replica, snap receive.Received) error
	Sweep(ctx context.Context) ([]string, error)

	// CreateShare makes an empty share.
	CreateShare(name string) error
	// WriteFile sets the content of a file and makes the directories it needs.
	WriteFile(share, path string, data []byte) error
	// RemoveFile removes a file, and its directory if that is empty then.
	RemoveFile(share, path string) error
	// Files reads all files of the subvolume at an absolute path.
	Files(path string) (map[string]string, error)
	// LeaveStaging leaves in incoming/ what a crash would have, under a name.
	LeaveStaging(name string) error
}

// Suite is what every implementation of Volumes has to show. open makes an empty
// pool for one test.
func Suite(t *testing.T, open func(t *testing.T) Volumes) {
	t.Helper()
	for _, c := range []struct {
		name string
		run  func(*bench)
	}{
		{"shares are listed by name", sharesAreListed},
		{"a share is found by its name and by nothing else", shareIsFound},
		{"snapshots are listed by time with who holds them", snapshotsAreListed},
		{"a snapshot is deleted once and no other with it", snapshotIsDeleted},
		{"a snapshot goes with the last of those who hold it", snapshotIsHeldByAll},
		{"what is gone cannot be held", holdOfNothing},
		{"a share is unchanged until something is written", generationTellsChange},
		{"a full stream makes a replica", fullStream},
		{"incremental streams make a replica follow", incrementalStreams},
		{"replicas of several sources are apart", severalSources},
		{"an estimate predicts the stream", estimatePredicts},
		{"sending what is not there fails", sendingNothing},
		{"a stream with another parent than agreed is refused", wrongParent},
		{"a stream of another snapshot than agreed is refused", wrongSnapshot},
		{"a snapshot is committed once", committedOnce},
		{"one run is received once at a time", receivedOnceAtATime},
		{"a stream that breaks off leaves nothing", brokenStream},
		{"a stream longer than allowed leaves nothing", longStream},
		{"a cancelled call does nothing", cancelledCalls},
		{"the newest committed snapshot is kept", newestIsKept},
		{"sweep removes staging and keeps what is committed", sweepRemovesStaging},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(newBench(t, open)) })
	}
}
