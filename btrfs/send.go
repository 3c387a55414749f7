package btrfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs/sendstream"
)

// SendRequest says which stream is wanted.
type SendRequest struct {
	Snapshot UUID   // local UUID of a read-only subvolume
	Parent   UUID   // local UUID of the read-only subvolume to be relative to; zero: a full stream
	Clones   []UUID // further read-only subvolumes that extents may be shared with; the parent always is
	Version  uint32 // of the stream, 1 or 2; 0: the newest the kernel has

	// Compressed sends compressed extents as they are, which needs version 2. What
	// comes of it is the same as without: where the kernel, which makes increments,
	// would cut a file, one that fallocate grew within the block of its inline
	// extent, all data of the increment is sent plain after all. Either stream has
	// the same metadata commands, so a position in one is one in the other.
	Compressed bool

	// From is what the receiver has applied of this stream in an earlier attempt.
	// Only the rest is written then, for sendstream.NewContinuation to read. All of
	// the stream is made all the same, but for the content that a full one would
	// only leave out again, so for a while nothing may come.
	From sendstream.Position
}

// Send writes the send stream of a snapshot to w: whole, checked commands only.
// The statistics are valid even when err is not nil. The error wraps ErrNoParent
// if the parent is not on this file system, ErrNotSubvolume if the snapshot is
// not, ErrNotReadOnly if either is writable, sendstream.ErrRestarted if a signal
// or a freeze spoilt the stream, and sendstream.ErrDiverged, with nothing
// written, if the stream is not the one that was begun: only a send from the
// beginning helps then. A send in progress keeps the subvolumes from being
// deleted and from being made writable.
//
// The kernel's SEND makes the stream if there is a parent or a clone source. A
// full stream is made by Send itself, in half the time and less, since nothing has
// to be compared and no path looked up: see fullTree for its layout. Any receiver
// of send streams takes it. It is the same whenever the same snapshot is sent,
// but for how data is cut and shared if extents are moved in between. Files in it
// share what they share in the snapshot, as long as the 131072 stretches sent
// before have it.
//
// Ahead of the kernel Send reads the files into the page cache, up to 32 MiB and
// 512 open files, and takes them out again behind it. For a full stream it reads up
// to 256 files at once, past the page cache where they are not compressed, and
// holds some 10 MiB of the stream. Besides that it takes up to 50 MiB for what is
// shared and for paths, and 8 bytes for each directory.
//
// Of an increment it needs what [Pool.Estimate] finds out too. Where both are
// called, one after the other or side by side, only one walks over the leaves; 768
// KiB of that are kept, until the send has ended or four others were asked about.
//
// Send ends soon after ctx does, unless w blocks.
func (p *Pool) Send(ctx context.Context, w io.Writer, r SendRequest) (sendstream.Stats, error) {
	stats, err := p.send(ctx, w, r)
	return stats, fail("send", r.Snapshot.String(), err)
}

// StreamVersion returns the newest version of send streams that the kernel can
// make.
func StreamVersion() (uint32, error) {
	text, err := os.ReadFile(streamVersionFile)
	if errors.Is(err, os.ErrNotExist) {
		return 1, nil
	}
	if err != nil {
		return 0, fail("read stream version", streamVersionFile, errnoOf(err))
	}
	v, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 32)
	return uint32(v), fail("read stream version", streamVersionFile, err)
}

const streamVersionFile = "/sys/fs/btrfs/features/send_stream_version"

// Flags of the send ioctl, BTRFS_SEND_FLAG_*.
const (
	sendNoFileData = 1 << 0
	sendVersion    = 1 << 3
	sendCompressed = 1 << 4
)

// sendArgs is struct btrfs_ioctl_send_args.
type sendArgs struct {
	fd         int64
	cloneCount uint64
	clones     unsafe.Pointer
	parent     uint64
	flags      uint64
	version    uint32
	_          [28]byte
}

var _ = [1]struct{}{}[unsafe.Sizeof(sendArgs{})-72]

// sending is a request with all names resolved.
type sending struct {
	snapshot *os.File
	sub      Subvolume // of snapshot
	parent   Subvolume // zero: a full stream
	clones   []uint64
	flags    uint64
	version  uint32
	from     sendstream.Position
}

func (p *Pool) send(ctx context.Context, w io.Writer, r SendRequest) (sendstream.Stats, error) {
	s, err := p.resolve(r)
	if err != nil {
		return sendstream.Stats{}, err
	}
	defer s.snapshot.Close() //nolint:errcheck // opened for reading
	if ctx.Err() != nil {    // a short stream could be through before anybody looks
		return sendstream.Stats{}, context.Cause(ctx)
	}
	if s.isFull() {
		return p.sendFull(ctx, w, s)
	}
	return p.sendIncrement(ctx, w, s)
}

// errCuts says that the kernel would lose content: see tailCheck.
var errCuts = errors.New("compressed extents would be cut")

// sendIncrement lets SEND begin while it is still looked for what compressed
// extents would lose. Nothing goes out before that is known.
func (p *Pool) sendIncrement(ctx context.Context, w io.Writer, s sending) (sendstream.Stats, error) {
	ahead := p.lookOut(ctx, s)
	defer ahead.end(p, s)
	if s.flags&sendCompressed == 0 {
		return s.run(ctx, w, ahead)
	}
	stats, err := s.run(ctx, &gate{w: w, ahead: ahead}, ahead)
	if errors.Is(err, errCuts) {
		plain := s
		plain.flags &^= sendCompressed
		return plain.run(ctx, w, ahead)
	}
	return stats, err
}

// gate lets a stream of compressed extents pass once it is known to lose nothing,
// else it fails with errCuts.
type gate struct {
	w     io.Writer
	ahead *lookout
}

func (g *gate) Write(b []byte) (int, error) {
	<-g.ahead.done
	if g.ahead.err != nil {
		return 0, g.ahead.err
	}
	if g.ahead.seen.cut {
		return 0, errCuts
	}
	return g.w.Write(b)
}

// resolve finds the subvolumes of r.
func (p *Pool) resolve(r SendRequest) (sending, error) {
	s := sending{version: r.Version, flags: sendVersion, from: r.From}
	if r.Compressed {
		s.flags |= sendCompressed
	}
	var err error
	if s.version == 0 {
		if s.version, err = StreamVersion(); err != nil {
			return sending{}, err
		}
	}
	if !r.Parent.IsZero() {
		s.parent, err = p.base(r.Parent)
		if errors.Is(err, ErrNotSubvolume) {
			return sending{}, fmt.Errorf("%w: %s", ErrNoParent, r.Parent)
		} else if err != nil {
			return sending{}, fmt.Errorf("parent: %w", err)
		}
		s.clones = append(s.clones, s.parent.ID)
	}
	for _, c := range r.Clones {
		source, err := p.base(c)
		if err != nil {
			return sending{}, fmt.Errorf("clone source: %w", err)
		}
		s.clones = append(s.clones, source.ID)
	}
	s.snapshot, s.sub, err = p.openReadOnly(r.Snapshot)
	return s, err
}

// base describes a read-only subvolume.
func (p *Pool) base(uuid UUID) (Subvolume, error) {
	dir, sub, err := p.openReadOnly(uuid)
	if err != nil {
		return Subvolume{}, err
	}
	return sub, dir.Close()
}

func (p *Pool) openReadOnly(uuid UUID) (*os.File, Subvolume, error) {
	dir, err := p.openUUID(uuid)
	if err != nil {
		return nil, Subvolume{}, err
	}
	info, err := Info(dir)
	if err == nil && !info.ReadOnly {
		err = fmt.Errorf("%w: %s", ErrNotReadOnly, path.Base(dir.Name()))
	}
	if err != nil {
		return nil, Subvolume{}, errors.Join(err, dir.Close())
	}
	return dir, info, nil
}

// run sends into a pipe and relays to w.
//
// SEND can be stopped in one way only, by closing the pipe's read end, and that
// is what ctx does and what an error of the relay does. Its own verdict counts:
// a stream that looks whole is not believed before.
func (s sending) run(ctx context.Context, w io.Writer, ahead *lookout) (sendstream.Stats, error) {
	r, out, err := sendPipe()
	if err != nil {
		return sendstream.Stats{}, err
	}
	sent := make(chan error, 1)
	go func() {
		err := s.ioctl(out)
		sent <- errors.Join(err, out.Close())
	}()
	stop := context.AfterFunc(ctx, func() { _ = r.Close() }) // may be closed already
	stats, relayErr := s.relay(ctx, w, &patient{src: r}, ahead)
	stop()
	_ = r.Close() // may be closed already
	return stats, sendError(ctx, <-sent, relayErr)
}

// sendError picks the cause among what both ends of the pipe say.
func sendError(ctx context.Context, sendErr, relayErr error) error {
	switch {
	case sendErr == nil && relayErr == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case sendErr != nil && !errors.Is(sendErr, unix.EPIPE):
		return sendErr
	case relayErr != nil:
		return relayErr
	}
	return sendErr
}

// ioctl runs SEND, on a thread that no signal reaches and that ends with the
// goroutine: a signal makes the kernel begin the stream anew in mid-output and
// still succeed. It must be called on a goroutine of its own.
func (s sending) ioctl(out *os.File) error {
	runtime.LockOSThread() // and never unlocked: mask and pending SIGPIPE go with the thread
	var all unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^all.Val[i]
	}
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &all, nil); err != nil {
		return fmt.Errorf("mask signals: %w", err)
	}
	args := sendArgs{
		fd: int64(out.Fd()), cloneCount: uint64(len(s.clones)),
		parent: s.parent.ID, flags: s.flags, version: s.version,
	}
	var pin runtime.Pinner
	defer pin.Unpin()
	if len(s.clones) > 0 {
		pin.Pin(&s.clones[0])
		args.clones = unsafe.Pointer(&s.clones[0])
	}
	// Not tried again after EINTR: part of the stream is out already.
	return ioctlOnce(s.snapshot, iocSend, unsafe.Pointer(&args))
}
