//go:build root

package btrfstest

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
	"btrmesh/btrfs/receive"
)

// realPool is the kernel's side of the suite.
type realPool struct {
	*btrfs.Pool
	*receive.Target
}

func newRealPool(t *testing.T) Volumes {
	t.Helper()
	pool := NewPool(t, PoolOptions{})
	return realPool{pool, receive.NewTarget(pool, slog.New(slog.DiscardHandler))}
}

func (p realPool) full(share, path string) string { return filepath.Join(p.Path(), share, path) }

func (p realPool) CreateShare(name string) error {
	dir := p.full(filepath.Dir(name), "")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(btrfs.CreateSubvolume(f, filepath.Base(name)), f.Close())
}

func (p realPool) WriteFile(share, path string, data []byte) error {
	full := p.full(share, path)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		return err
	}
	return os.WriteFile(full, data, 0o644)
}

func (p realPool) RemoveFile(share, path string) error {
	full := p.full(share, path)
	if err := os.Remove(full); err != nil {
		return err
	}
	if err := os.Remove(filepath.Dir(full)); !errors.Is(err, unix.ENOTEMPTY) && !errors.Is(err, unix.EBUSY) {
		return err
	}
	return nil
}

func (p realPool) Files(path string) (map[string]string, error) {
	tree := map[string]string{}
	err := filepath.WalkDir(path, func(at string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, err := os.ReadFile(at)
		rel, relErr := filepath.Rel(path, at)
		tree[rel] = string(content)
		return errors.Join(err, relErr)
	})
	return tree, err
}

func (p realPool) LeaveStaging(name string) error {
	dir, err := p.Dir("incoming", name)
	if err != nil {
		return err
	}
	return errors.Join(btrfs.CreateSubvolume(dir, "data"), dir.Close())
}

func TestTheKernelPassesTheSuite(t *testing.T) { Suite(t, newRealPool) }

// crossing sends a full and an incremental stream from one implementation to the
// other.
func crossing(t *testing.T, from, to Volumes) {
	t.Helper()
	b := newBench(t, func(*testing.T) Volumes { return from })
	b.to = to
	incrementalStreams(b)
}

func TestTheKernelTakesStreamsOfTheFake(t *testing.T) { crossing(t, NewFake("from"), newRealPool(t)) }

func TestTheFakeTakesStreamsOfTheKernel(t *testing.T) { crossing(t, newRealPool(t), NewFake("to")) }

func TestTheWayBackIsIncrementalOnRealPools(t *testing.T) {
	b := newBench(t, newRealPool)
	share := b.share("photos")
	sent, got := b.replicate(share, btrfs.UUID{})
	var stream bytes.Buffer
	_, err := b.to.Send(b.Context(), &stream, btrfs.SendRequest{Snapshot: got.UUID, Parent: got.UUID})
	b.noError("send back", err)
	spec := b.spec(share, sent, sent.UUID)
	spec.Source, spec.Own = "BACKCCCCCCCCCCCCCCCCCCCCC", []btrfs.UUID{sent.UUID}
	_, err = b.from.Receive(b.Context(), spec, &stream)
	b.noError("receive back", err)
}
