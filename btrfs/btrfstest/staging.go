package btrfstest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
	"btrmesh/btrfs/receive"
	"btrmesh/btrfs/sendstream"
)

// staging is one run that is being received, or was when the pool crashed.
type staging struct {
	name    string
	running bool
	crashes int // of the pool when it began
	base    files
	free    uint64 // bytes, when it began
}

// Receive applies a stream and commits it, as [receive.Target.Receive]. A fault
// with Bytes is an error of r.
func (f *Fake) Receive(ctx context.Context, s receive.Spec, r io.Reader) (receive.Received, error) {
	fault := f.faults.next(OpReceive)
	got, err := f.receive(ctx, &s, r, fault)
	if err == nil {
		err = fault.late()
	}
	if err != nil {
		return got, fmt.Errorf("receive %s from %s: %w", s.Share, s.SourceName, err)
	}
	return got, nil
}

func (f *Fake) receive(ctx context.Context, s *receive.Spec, r io.Reader, fault Fault) (receive.Received, error) {
	if err := fault.early(); err != nil {
		return receive.Received{}, err
	}
	stage, got, err := f.stage(s)
	if err != nil {
		return got, err
	}
	rd := sendstream.NewReader(f.guard(ctx, r, stage.crashes, fault), sendstream.Limits{MaxSpace: s.MaxSpace})
	tree, err := stage.apply(ctx, s, rd)
	return f.finish(s, stage, tree, rd.Offset(), err)
}

// stage begins a run. It does so before anything is read.
func (f *Fake) stage(s *receive.Spec) (*staging, receive.Received, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	name := fmt.Sprintf("%s-%s", s.Source, s.Snapshot)
	if old := f.incoming[name]; old != nil && old.running {
		return nil, receive.Received{}, fmt.Errorf("run %d: %w", s.Run, receive.ErrBusy)
	}
	if have, err := existing(f.replica(s.Source, s.Share), s.Snapshot); err != nil {
		return nil, have, err
	}
	base, err := f.base(s)
	if err != nil {
		return nil, receive.Received{}, err
	}
	stage := &staging{name: name, running: true, crashes: f.crashes, base: base, free: f.free()}
	f.incoming[name] = stage
	return stage, receive.Received{}, nil
}

func existing(r *replica, snapshot btrfs.UUID) (receive.Received, error) {
	have, found := r.find(snapshot)
	switch {
	case !found:
		return receive.Received{}, nil
	case have.Problem != "":
		return have, fmt.Errorf("%s: %w: %s", have.Dir, receive.ErrModified, have.Problem)
	}
	return have, fmt.Errorf("%s: %w", have.Dir, receive.ErrExists)
}

// base returns the files of the parent, nil for a full stream.
func (f *Fake) base(s *receive.Spec) (files, error) {
	if s.Parent.IsZero() {
		return nil, nil
	}
	if have, found := f.replica(s.Source, s.Share).find(s.Parent); found {
		if have.Problem != "" {
			return nil, fmt.Errorf("%s: %w: %s", have.Dir, receive.ErrModified, have.Problem)
		}
		return f.volumes[have.UUID].files, nil
	}
	if own := f.volumes[s.Parent]; own != nil && own.readOnly && slices.Contains(s.Own, s.Parent) {
		return own.files, nil
	}
	return nil, fmt.Errorf("%v: %w", s.Parent, receive.ErrNoParent)
}

// apply reads the stream to its end and returns the tree it makes.
func (st *staging) apply(ctx context.Context, s *receive.Spec, rd *sendstream.Reader) (files, error) {
	d := newDraft(st.base)
	var told time.Time
	var c sendstream.Command
	for first := true; ; first = false {
		err := rd.Next(&c)
		if err == io.EOF { //nolint:errorlint // only the bare one means a whole stream
			return d.files(), nil
		}
		if err == nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if err == nil {
			err = st.command(s, d, &c, first)
		}
		if err != nil {
			return nil, err
		}
		if now := time.Now(); s.Progress != nil && now.Sub(told) >= 100*time.Millisecond {
			told = now
			s.Progress(rd.Offset())
		}
	}
}

func (st *staging) command(s *receive.Spec, d *draft, c *sendstream.Command, first bool) error {
	if first {
		return agreed(s, c)
	}
	if err := d.apply(c); err != nil {
		return err
	}
	if uint64(d.bytes) > st.free {
		return fmt.Errorf("%s %q: %w", c.Type, c.Path, unix.ENOSPC)
	}
	return nil
}

// agreed compares the first command with what source and target agreed on.
func agreed(s *receive.Spec, c *sendstream.Command) error {
	parent := btrfs.UUID{}
	if c.Type == sendstream.CmdSnapshot {
		parent = c.CloneUUID
	}
	rule := ""
	switch {
	case btrfs.UUID(c.UUID) != s.Snapshot:
		rule = "snapshot is not the one agreed on"
	case c.CTransID != s.CTransID:
		rule = "snapshot changed since it was agreed on"
	case parent != s.Parent:
		rule = "parent is not the one agreed on"
	default:
		return nil
	}
	return &sendstream.Error{Offset: c.Offset, Command: c.Type, Rule: rule}
}

// finish commits the run, or removes its staging; after a crash it does neither.
func (f *Fake) finish(s *receive.Spec, st *staging, tree files, bytes int64, err error) (receive.Received, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if st.crashes != f.crashes {
		return receive.Received{}, errors.Join(ErrCrashed, err)
	}
	delete(f.incoming, st.name)
	if err != nil {
		return receive.Received{}, err
	}
	return f.commit(s, tree, bytes)
}

func (f *Fake) commit(s *receive.Spec, tree files, bytes int64) (receive.Received, error) {
	r := f.replica(s.Source, s.Share)
	if have, err := existing(r, s.Snapshot); err != nil {
		return have, err
	}
	if r == nil {
		r = &replica{source: s.Source, share: s.Share, path: f.replicaPath(s)}
		f.replicas = append(f.replicas, r)
	}
	v := f.add(&volume{received: s.Snapshot, ctransid: s.CTransID, readOnly: true, files: tree})
	got := receive.Received{
		Sidecar: receive.Sidecar{
			Schema: 1, Source: s.Source, SourceName: s.SourceName, Share: s.Share, ShareUUID: s.ShareUUID,
			Task: s.Task, Run: s.Run, Snapshot: s.Snapshot, CTransID: s.CTransID, Parent: s.Parent,
			Taken: s.Taken.UTC(), Received: r.after(time.Now().UTC().Round(0)), StreamBytes: bytes,
		},
		Dir: r.dirName(s.Taken.UTC()), UUID: v.uuid, ReadOnly: true,
	}
	r.snapshots = append(r.snapshots, got)
	return got, nil
}
