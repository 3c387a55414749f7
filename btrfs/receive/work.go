package receive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"btrmesh/btrfs"
	"btrmesh/btrfs/sendstream"
)

// work is one stream being applied.
type work struct {
	rd     *sendstream.Reader
	o      Options
	id     Identity
	root   *os.File
	a      *applier
	track  sendstream.Tracker
	report meter
	next   pacer
	flush  flusher
	last   sendstream.Position // where there is nothing to gain yet, or of the last checkpoint
}

// begin makes the subvolume and reads the first command if it says what the
// stream is.
func (w *work) begin(dir *os.File) error {
	var err error
	if w.o.Base != nil {
		w.id = w.o.Want
		w.root, err = copyOf(dir, w.o.Name, w.o.Base)
	} else {
		w.root, err = w.first(dir)
	}
	if err != nil {
		return err
	}
	made, err := btrfs.Info(w.root)
	if err != nil {
		release(w.root)
		return err
	}
	w.a = newApplier(w.root, w.id.Snapshot, w.o.Open)
	w.a.ledger.since = made.Generation
	w.last, _ = w.track.Position()
	w.next = pacer{pace: w.o.pace, bytes: w.last.Bytes, ended: time.Now()}
	return nil
}

func (w *work) first(dir *os.File) (*os.File, error) {
	var c sendstream.Command
	if err := w.rd.Next(&c); err != nil {
		return nil, readError(err)
	}
	w.id = identityOf(&c)
	if err := blame(&c, w.o.Want.check(w.id)); err != nil {
		return nil, err
	}
	w.track.Add(&c)
	return begin(dir, w.o, w.id.Parent)
}

// all applies the stream to its end. If it is cut off, what was applied is worth
// a checkpoint.
func (w *work) all(ctx context.Context) error {
	defer w.flush.wait()
	defer w.a.close()
	err := w.commands(ctx)
	if err == nil {
		return w.a.finish()
	}
	if isCut(err) {
		err = errors.Join(err, w.checkpoint())
	}
	return err
}

func (w *work) commands(ctx context.Context) error {
	var c sendstream.Command
	for {
		if ctx.Err() != nil {
			return &cutError{context.Cause(ctx)}
		}
		err := w.rd.Next(&c)
		if err == io.EOF { //nolint:errorlint // only the bare one means a whole stream
			return nil
		}
		if err != nil {
			return readError(err)
		}
		if err := w.a.apply(&c); err != nil {
			return err
		}
		w.track.Add(&c)
		w.report.at(w.rd.Offset())
		if err := w.save(&c); err != nil {
			return err
		}
	}
}

// save takes a checkpoint after c, or prepares one, if it is time to.
func (w *work) save(c *sendstream.Command) error {
	switch {
	case w.a.full():
		return w.a.writeOut()
	case w.o.Checkpoint == nil || c.Type == sendstream.CmdEnd || !w.next.look(w.rd.Offset()):
		return nil
	case w.next.due(w.rd.Offset(), time.Now):
		return w.checkpoint()
	case w.next.soon(w.rd.Offset(), time.Now):
		w.flush.start(w.root)
	}
	return nil
}

// checkpoint tells of the present state, unless nothing was applied since the
// last one or a position cannot describe it.
func (w *work) checkpoint() error {
	at, ok := w.track.Position()
	if !ok || at == w.last || w.o.Checkpoint == nil {
		return nil
	}
	began := time.Now()
	if err := w.a.drain(); err != nil {
		return err
	}
	if err := w.a.writeOut(); err != nil {
		return err
	}
	w.o.Checkpoint(w.root, at)
	w.last = at
	w.next.taken(at.Bytes, began, time.Now())
	return nil
}

// cutError says that a stream ended though nothing is wrong with it so far: its
// source failed, or the receiver was told to stop.
type cutError struct{ err error }

func (e *cutError) Error() string { return e.err.Error() }
func (e *cutError) Unwrap() error { return e.err }

func isCut(err error) bool {
	_, cut := errors.AsType[*cutError](err)
	return cut
}

// readError tells a failed source from a bad stream.
func readError(err error) error {
	err = fmt.Errorf("read stream: %w", err)
	if errors.Is(err, sendstream.ErrInvalid) {
		return err
	}
	return &cutError{err}
}
