package btrfstest

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"btrmesh/btrfs"
	"btrmesh/btrfs/sendstream"
)

// fail wraps err the way package btrfs does.
func fail(op, at string, err error) error {
	if err == nil {
		return nil
	}
	return &btrfs.Error{Op: op, Path: at, Err: err}
}

// Shares lists the shares by name, as [btrfs.Pool.Shares].
func (f *Fake) Shares(ctx context.Context) ([]btrfs.Share, error) {
	return call(ctx, f, OpShares, func() ([]btrfs.Share, error) {
		var list []btrfs.Share
		for _, name := range slices.Sorted(maps.Keys(f.shares)) {
			list = append(list, shareOf(name, f.shares[name]))
		}
		return list, nil
	})
}

func shareOf(name string, v *volume) btrfs.Share {
	return btrfs.Share{Name: name, ID: v.id, UUID: v.uuid, Generation: v.generation, Referenced: -1}
}

// Share describes one share, as [btrfs.Pool.Share].
func (f *Fake) Share(ctx context.Context, name string) (btrfs.Share, error) {
	return call(ctx, f, OpShare, func() (btrfs.Share, error) {
		if v := f.shares[name]; v != nil {
			return shareOf(name, v), nil
		}
		return btrfs.Share{}, fail("open share", path.Join(f.Path(), name), f.noShare(name))
	})
}

// noShare says why name is not that of a share.
func (f *Fake) noShare(name string) error {
	if err := checkShareName(name); err != nil {
		return err
	}
	for share, v := range f.shares {
		inside, found := strings.CutPrefix(name, share+"/")
		if _, isDir := slices.BinarySearch(v.files.dirs(), inside); found && isDir {
			return btrfs.ErrNotSubvolume
		}
	}
	return fs.ErrNotExist
}

// Warnings has none.
func (f *Fake) Warnings(ctx context.Context, share btrfs.Share) ([]string, error) {
	return call(ctx, f, OpWarnings, func() ([]string, error) {
		_, err := f.share("check share", share)
		return nil, err
	})
}

// Generation counts transactions as [btrfs.Pool.Generation]: taking a snapshot is
// no change.
func (f *Fake) Generation(ctx context.Context, share btrfs.Share) (uint64, error) {
	return call(ctx, f, OpGeneration, func() (uint64, error) {
		v, err := f.share("read generation", share)
		if err != nil {
			return 0, err
		}
		return v.generation, nil
	})
}

// share finds what a Share described when it was read.
func (f *Fake) share(op string, s btrfs.Share) (*volume, error) {
	v := f.volumes[s.UUID]
	if v == nil || v.id != s.ID {
		return nil, fail(op, s.Name, btrfs.ErrNotSubvolume)
	}
	return v, nil
}

// Estimate is exact.
func (f *Fake) Estimate(ctx context.Context, r btrfs.SendRequest) (int64, error) {
	return call(ctx, f, OpEstimate, func() (int64, error) {
		s, err := f.begin(r)
		if err != nil {
			return 0, fail("estimate", r.Snapshot.String(), err)
		}
		s.end()
		return int64(len(s.stream)), nil
	})
}

// Send writes a send stream, as [btrfs.Pool.Send]. It is made at once, so what
// is deleted meanwhile does not matter.
func (f *Fake) Send(ctx context.Context, w io.Writer, r btrfs.SendRequest) (sendstream.Stats, error) {
	fault := f.faults.next(OpSend)
	stats, err := f.send(ctx, w, r, fault)
	if err == nil {
		err = fault.late()
	}
	return stats, fail("send", r.Snapshot.String(), err)
}

func (f *Fake) send(ctx context.Context, w io.Writer, r btrfs.SendRequest, fault Fault) (sendstream.Stats, error) {
	if err := fault.early(); err != nil {
		return sendstream.Stats{}, err
	}
	f.mu.Lock()
	s, err := f.begin(r)
	crashes := f.crashes
	f.mu.Unlock()
	if err != nil {
		return sendstream.Stats{}, err
	}
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		s.end()
	}()
	return sendstream.Copy(w, f.guard(ctx, bytes.NewReader(s.stream), crashes, fault), sendstream.Limits{})
}

// sending is a stream under way, which keeps its subvolumes from being deleted.
type sending struct {
	stream  []byte
	volumes []*volume
}

func (s *sending) end() {
	for _, v := range s.volumes {
		v.sending = max(v.sending-1, 0)
	}
}

// begin makes the stream of r. It is called with the lock held.
func (f *Fake) begin(r btrfs.SendRequest) (*sending, error) {
	snap, err := f.readOnly(r.Snapshot)
	if err != nil {
		return nil, err
	}
	s := &sending{volumes: []*volume{snap}}
	head := sendstream.Command{Type: sendstream.CmdSubvol, Path: []byte("data"), UUID: snap.origin(), CTransID: snap.ctransid}
	var base files
	if !r.Parent.IsZero() {
		parent, err := f.readOnly(r.Parent)
		if err != nil {
			return nil, fmt.Errorf("%w: %s", btrfs.ErrNoParent, r.Parent)
		}
		head.Type, head.CloneUUID, head.CloneCTransID = sendstream.CmdSnapshot, parent.origin(), parent.ctransid
		s.volumes, base = append(s.volumes, parent), parent.files
	}
	if s.stream, err = compose(cmp.Or(r.Version, 2), head, base, snap.files); err != nil {
		return nil, err
	}
	for _, v := range s.volumes {
		v.sending++
	}
	return s, nil
}

// origin is the UUID a stream names a subvolume by: of what it is a copy of, if
// it is one.
func (v *volume) origin() btrfs.UUID { return cmp.Or(v.received, v.uuid) }

func (f *Fake) readOnly(u btrfs.UUID) (*volume, error) {
	v := f.volumes[u]
	if v == nil {
		return nil, fmt.Errorf("%w: %s", btrfs.ErrNotSubvolume, u)
	}
	if !v.readOnly {
		return nil, fmt.Errorf("%w: %s", btrfs.ErrNotReadOnly, u)
	}
	return v, nil
}

// readerFunc is a Read method.
type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// guard passes r on until ctx ends, the pool crashes, or as many bytes have
// passed as the fault allows.
func (f *Fake) guard(ctx context.Context, r io.Reader, crashes int, fault Fault) io.Reader {
	left := fault.Bytes
	return readerFunc(func(b []byte) (int, error) {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		if err := f.crashed(crashes); err != nil {
			return 0, err
		}
		if fault.Bytes > 0 {
			if left == 0 {
				return 0, fault.Err
			}
			b = b[:min(int64(len(b)), left)]
		}
		n, err := r.Read(b)
		left -= int64(n)
		return n, err
	})
}
