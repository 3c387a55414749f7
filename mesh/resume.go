package mesh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"btrmesh/btrfs"
	"btrmesh/btrfs/receive"
	"btrmesh/btrfs/sendstream"
	"btrmesh/state"
	"btrmesh/stream"
)

// A run that was cut leaves a checkpoint on the target and its snapshot on the
// source. The next run sends the same snapshot, from where the checkpoint is.

// resumeText is what a target says of a checkpoint: its position and the parent
// of the stream it belongs to.
func resumeText(c receive.Checkpoint) string { return c.At.String() + " " + c.Parent.String() }

// parseResume reads what resumeText wrote.
func parseResume(text string) (at sendstream.Position, parent btrfs.UUID, err error) {
	position, uuid, _ := strings.Cut(text, " ")
	if at, err = sendstream.ParsePosition(position); err != nil {
		return at, parent, err
	}
	parent, err = btrfs.ParseUUID(uuid)
	return at, parent, err
}

// resumable returns where a stream relative to parent may go on, the beginning
// if it cannot.
func resumable(have stream.Have, parent btrfs.UUID) sendstream.Position {
	at, of, err := parseResume(have.Resume)
	if err != nil || of != parent {
		return sendstream.Position{}
	}
	return at
}

// checkpoint tells the source where a cut run of its snapshot can go on; "" if
// nowhere.
func (r *receiving) checkpoint(ctx context.Context) (string, error) {
	c, ok, err := r.pool.Checkpoint(ctx, r.in.Peer().String(), r.offer.Share, r.offer.Snapshot)
	if err != nil || !ok || c.CTransID != r.offer.CTransID {
		return "", err
	}
	return resumeText(c), nil
}

// from reads where the source begins its stream.
func from(b stream.Begin) (sendstream.Position, error) {
	if b.From == "" {
		return sendstream.Position{}, nil
	}
	at, of, err := parseResume(b.From)
	if err == nil && of != b.Parent {
		err = errors.New("the checkpoint has another parent")
	}
	if err != nil {
		return at, &stream.Refusal{Code: stream.BadStream, Text: "position: " + err.Error()}
	}
	return at, nil
}

// lateWriter says begin before the first byte. Until then a send that must start
// over has told nobody anything.
type lateWriter struct {
	io.Writer
	begin func() error
	begun bool
}

func (w *lateWriter) Write(p []byte) (int, error) {
	if !w.begun {
		w.begun = true
		if err := w.begin(); err != nil {
			return 0, err
		}
	}
	return w.Writer.Write(p)
}

// snapshotFate is what becomes of the snapshot of a run that failed.
type snapshotFate uint8

const (
	dropIt   snapshotFate = 1 // nobody has any of it
	resumeIt snapshotFate = 2 // the target may have a checkpoint: the next run goes on with it
	leaveIt  snapshotFate = 3 // as it was: the target may hold it, or a cut run before this one waits to be resumed
)

// mostResumes is how many failures in a row a cut run is gone on with: then
// something about it is wrong, and a new one begins.
const mostResumes = 20

// fateOf decides by how far a run came. err is why it ended, nil: a crash.
func fateOf(rec state.Run, task state.Task, err error) snapshotFate {
	early := rec.State < state.Sending
	switch {
	case rec.State >= state.Committing, early && rec.SnapshotUUID == task.Pending, rec.SnapshotUUID.IsZero():
		return leaveIt
	case early || task.Failures >= mostResumes || !leavesCheckpoint(err):
		return dropIt
	}
	return resumeIt
}

// leavesCheckpoint tells the ends of a run that the target keeps a checkpoint
// after: all but a stream that it threw out.
func leavesCheckpoint(err error) bool {
	no, ok := errors.AsType[*stream.Refusal](err)
	return !ok || no.Code == stream.IO || no.Code == stream.ShuttingDown || no.Code == stream.Cancelled || no.Code == stream.Paused
}

// keepForNext notes on the task what its next run goes on with.
func keepForNext(tx *state.Tx, rec state.Run, fate snapshotFate) error {
	switch fate {
	case leaveIt:
		return nil
	case dropIt:
		rec.SnapshotUUID = btrfs.UUID{}
	case resumeIt:
	}
	return updateTask(tx, rec.Task, func(t *state.Task) { t.Pending = rec.SnapshotUUID })
}

func (s *sending) startOver(err error) {
	s.node.log.Warn("the snapshot's stream differs from the one begun, it is sent from the beginning",
		"task", s.task.Name, "snapshot", s.snap.Name, "err", fmt.Sprint(err))
}
