//go:build root

package receive_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"btrmesh/btrfs"
	"btrmesh/btrfs/btrfstest"
	"btrmesh/btrfs/sendstream"
)

// receiver receives a stream of the snapshot "x" into the pool of a site and tells
// where it is. The staged file "a" is at path meanwhile.
type receiver struct {
	path    string // glob pattern in the pool
	receive func(t *testing.T, s *site, stream io.Reader) (dir string)
}

// TestBlockWrittenOutBeforeItsFileGoesOnIsSharedByNeitherReceiver is about what
// [btrfstest.Sharing] forgives, and that it forgives no more.
func TestBlockWrittenOutBeforeItsFileGoesOnIsSharedByNeitherReceiver(t *testing.T) {
	stream, grown := growing(t)
	for who, r := range map[string]receiver{
		"progs": {"x/a", byProgsTo},
		"ours":  {".btrmesh/incoming/*/data/a", byTarget},
	} {
		t.Run(who, func(t *testing.T) {
			s := newSite(t, btrfstest.PoolOptions{}, compressed("zstd"))
			atOnce := r.receive(t, s, bytes.NewReader(stream))
			other := newSite(t, btrfstest.PoolOptions{}, compressed("zstd"))
			paused := r.receive(t, other, io.MultiReader(bytes.NewReader(stream[:grown]),
				pause(func() error { return other.writeOut(t.Context(), r.path) }), bytes.NewReader(stream[grown:])))
			for _, name := range []string{"a", "b", "c"} {
				wantEqualFiles(t, filepath.Join(atOnce, name), filepath.Join(paused, name))
			}
			want, have := reflinks(t, atOnce), reflinks(t, paused)
			if want.Shared() != 11*4096 || have.Shared() != 9*4096 {
				t.Errorf("%d and %d bytes shared, want 11 blocks, and 9 when written out", want.Shared(), have.Shared())
			}
			var less, more btrfstest.Sharing
			if lost, forgiven := less.Lost(want, have); lost != "" || forgiven != 2 {
				t.Errorf("lost %q and forgiven %d blocks, want 2", lost, forgiven)
			}
			if lost, forgiven := more.Lost(have, want); lost != "" || forgiven != 0 {
				t.Errorf("lost %q and forgiven %d blocks by writing nothing out", lost, forgiven)
			}
		})
	}
}

func wantEqualFiles(t *testing.T, a, b string) {
	t.Helper()
	inA, err := os.ReadFile(a)
	must(t, err)
	inB, err := os.ReadFile(b)
	must(t, err)
	if !bytes.Equal(inA, inB) {
		t.Errorf("%s and %s differ", a, b)
	}
}

// growing is a stream of a file of ten blocks, the first of which comes alone, of a
// clone of it all, and of one of that block; the first grown bytes end behind it.
func growing(t *testing.T) (stream []byte, grown int) {
	t.Helper()
	text := bytes.Repeat([]byte("all work and no play "), 2000)
	clone := func(to string, offset, length uint64) command {
		return command{
			Type: sendstream.CmdClone, Path: []byte(to), FileOffset: offset,
			CloneUUID: claimed, CloneCTransID: claimedCTransID, ClonePath: []byte("a"), CloneLen: length,
		}
	}
	e := sendstream.NewEncoder(1)
	for i, c := range []command{
		{Type: sendstream.CmdSubvol, Path: []byte("x"), UUID: claimed, CTransID: claimedCTransID},
		mkfile("a"),
		{Type: sendstream.CmdWrite, Path: []byte("a"), Data: text[:4096]},
		{Type: sendstream.CmdWrite, Path: []byte("a"), FileOffset: 4096, Data: text[4096:40960]},
		mkfile("b"), clone("b", 0, 40960),
		mkfile("c"), clone("c", 8192, 4096),
		{Type: sendstream.CmdEnd},
	} {
		must(t, e.Append(&c))
		if i == 2 {
			grown = len(e.Bytes())
		}
	}
	return e.Bytes(), grown
}

// byProgsTo receives by btrfs receive.
func byProgsTo(t *testing.T, s *site, stream io.Reader) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "btrfs", "receive", s.pool.Path())
	cmd.Stdin = stream
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("btrfs receive: %v: %s", err, out)
	}
	must(t, s.pool.SyncFS())
	return filepath.Join(s.pool.Path(), "x")
}

// byTarget receives and commits.
func byTarget(t *testing.T, s *site, stream io.Reader) string {
	t.Helper()
	snap := btrfs.Snapshot{UUID: claimed, CTransID: claimedCTransID, Time: s.now}
	got, err := s.target.Receive(t.Context(), s.spec(snap, btrfs.Snapshot{}), stream)
	must(t, err)
	return s.data(t, got)
}

// pause is a reader of nothing that does something first.
type pause func() error

func (p pause) Read([]byte) (int, error) {
	if err := p(); err != nil {
		return 0, err
	}
	return 0, io.EOF
}

// writeOut waits until the file in the pool has its first block, and syncs.
func (s *site) writeOut(ctx context.Context, pattern string) error {
	for {
		found, err := filepath.Glob(filepath.Join(s.pool.Path(), pattern))
		if err != nil {
			return err
		}
		for _, path := range found {
			if info, err := os.Stat(path); err == nil && info.Size() == 4096 {
				return s.pool.SyncFS()
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Millisecond):
		}
	}
}

func TestFileThatGoesOnBehindAnInlineExtentIsReceived(t *testing.T) {
	text := bytes.Repeat([]byte("all work and no play "), 2000)
	for _, with := range []string{"zstd", "zlib", "lzo"} {
		t.Run(with, func(t *testing.T) {
			s := newSite(t, compressed(with), compressed("zstd"))
			path := filepath.Join(s.dir(), "file")
			must(t, os.WriteFile(path, text[:4096], 0o644))
			before := s.snapshot(t)
			must(t, s.source.SyncFS())
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
			must(t, err)
			_, err = f.Write(text[4096:])
			must(t, errors.Join(err, f.Close()))
			after := s.snapshot(t)
			extents, err := btrfstest.Extents(path)
			must(t, err)
			if len(extents) < 2 || extents[0].Flags&btrfstest.ExtentInline == 0 {
				t.Fatalf("the file does not begin inline: %+v", extents)
			}
			s.compareFull(t, after)
			for i, f := range fullForms() {
				other := s.as(fmt.Sprintf("%dWAYAAAAAAAA", i))
				other.receive(t, f, before, btrfs.Snapshot{})
				wantSame(t, s.at(after), other.data(t, other.receive(t, f, after, before)))
			}
		})
	}
}
