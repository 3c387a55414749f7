package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
	"btrmesh/btrfs/receive"
	"btrmesh/btrfs/sendstream"
	"btrmesh/mesh/control"
)

func debugReceiveCommand() *cli.Command {
	return leaf{
		name: "receive", usage: "make the read-only snapshots of a stream on stdin, like btrfs receive", args: []string{"DIR"}, run: runDebugReceive,
		flags: []cli.Flag{
			&cli.StringFlag{Name: "file", Aliases: []string{"f"}, Usage: "read from `FILE` instead"},
		},
	}.command()
}

// arrived is what debug receive answers for each subvolume.
type arrived struct {
	Path         string     `json:"path"`
	Kind         string     `json:"kind"`
	UUID         btrfs.UUID `json:"uuid"`
	ReceivedUUID btrfs.UUID `json:"received_uuid"`
	Bytes        int64      `json:"bytes"` // of the stream
	TookMS       int64      `json:"took_ms"`
}

// runDebugReceive receives one snapshot after the other. Those that are told of
// are durable, whatever happens to later ones. A connection that goes away is an
// interruption, so that it leaves nothing either.
func runDebugReceive(s *session) error {
	ctx, stop := signal.NotifyContext(s.ctx, syscall.SIGHUP)
	defer stop()
	s.ctx = ctx
	input, err := s.openInput(s.text("file"))
	if err != nil {
		return err
	}
	defer input.Close() //nolint:errcheck // opened for reading
	if err := s.needRoot(os.Geteuid()); err != nil {
		return err
	}
	r, err := newReceiver(s.arg(0))
	if err != nil {
		return err
	}
	defer r.close()
	return receiveFailed(s.ctx, s.receiveAll(r, sendstream.NewMany(input)))
}

func (s *session) receiveAll(r *receiver, streams *sendstream.Many) error {
	for {
		stream, err := streams.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.receiveOne(r, stream); err != nil {
			return err
		}
	}
}

func (s *session) receiveOne(r *receiver, stream io.Reader) error {
	began := time.Now()
	a, err := r.receive(s.ctx, stream)
	if err != nil {
		return err
	}
	a.TookMS = time.Since(began).Milliseconds()
	if s.json {
		return s.encode("debug.receive", a)
	}
	return s.say("✓ %s received: %s, %s in %s", a.Path, a.Kind, s.units.Size(a.Bytes), control.Duration(time.Since(began)))
}

// receiver makes snapshots in one directory.
type receiver struct {
	dir  *os.File
	pool *btrfs.Pool // the file system dir is on
}

func newReceiver(path string) (*receiver, error) {
	pool, err := poolAt(path)
	if err != nil {
		return nil, err
	}
	dir, err := os.Open(path)
	if err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	return &receiver{dir: dir, pool: pool}, nil
}

func (r *receiver) close() {
	_ = r.dir.Close() // opened for reading
	_ = r.pool.Close()
}

// receive makes the snapshot of one stream, durable and under the name that the
// stream gives, or leaves nothing.
func (r *receiver) receive(ctx context.Context, stream io.Reader) (a arrived, err error) {
	name, stream, err := nameOf(stream)
	if err != nil {
		return a, err
	}
	if err := r.checkFree(name); err != nil {
		return a, err
	}
	at, err := newStaging(r.dir)
	if err != nil {
		return a, err
	}
	defer func() { err = errors.Join(err, at.close()) }()
	rd := sendstream.NewReader(stream, sendstream.Limits{})
	applied, err := receive.Apply(ctx, at.dir, rd, receive.Options{Name: stagedName, Open: bases{r.pool}.open})
	if err != nil {
		return a, err
	}
	defer applied.Root.Close() //nolint:errcheck // sealed or thrown away
	have, err := at.publish(applied, name)
	if errors.Is(err, unix.EEXIST) {
		return a, r.taken(name)
	}
	return arrived{
		Path: r.dir.Name() + "/" + name, Kind: streamKind(applied.Parent),
		UUID: have.UUID, ReceivedUUID: have.ReceivedUUID, Bytes: rd.Offset(),
	}, err
}

// nameOf returns the name in the first command of a stream, which is one path
// component, and the stream as it was.
func nameOf(stream io.Reader) (string, io.Reader, error) {
	var read bytes.Buffer
	var c sendstream.Command
	if err := sendstream.NewReader(io.TeeReader(stream, &read), sendstream.Limits{}).Next(&c); err != nil {
		return "", nil, err
	}
	return string(c.Path), io.MultiReader(&read, stream), nil
}

// checkFree refuses a name before anything is made for it.
func (r *receiver) checkFree(name string) error {
	if strings.HasPrefix(name, btrfs.DirName) {
		return failure(codeBadStream, control.ExitTransfer, "the stream calls its subvolume %q; names that begin with %s are not for snapshots.", name, btrfs.DirName)
	}
	var st unix.Stat_t
	err := unix.Fstatat(int(r.dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW)
	switch {
	case err == nil:
		return r.taken(name)
	case errors.Is(err, unix.ENOENT):
		return nil
	}
	return &os.PathError{Op: "lstat", Path: r.dir.Name() + "/" + name, Err: err}
}

func (r *receiver) taken(name string) error {
	path := r.dir.Name() + "/" + name
	return failure(codeSubvolumeExists, control.ExitConflict, "%s exists already and was left untouched.", path).
		Hint("sudo mv %s %s", quote(path), quote(path+".old"))
}

// receiveFailed tells why a snapshot is not there.
func receiveFailed(ctx context.Context, err error) error {
	const nothing = "Nothing of it was kept"
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return control.Errorf(control.CodeInterrupted, "interrupted. %s.", nothing)
	case errors.Is(err, receive.ErrNoParent):
		return failure(codeNoParent, control.ExitConflict, "the stream builds on a snapshot that is not here: %v. %s.", err, nothing).
			Fact("receive that snapshot first, or have a full stream sent")
	case errors.Is(err, sendstream.ErrInvalid):
		return failure(codeBadStream, control.ExitTransfer, "the stream is not whole or not sound: %v. %s.", err, nothing)
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return failure(control.CodeNoSpace, control.ExitTransfer, "the file system is full: %v. %s.", err, nothing)
	}
	return err
}
