package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"btrmesh/btrfs"
)

// source is a data set on its file system, ready to be sent.
type source struct {
	*field
	set    *dataset
	first  btrfs.Subvolume
	second btrfs.Subvolume // of an increment; else zero

	stream string // file with the stream that is measured
	base   string // file with the stream of first, of an increment
	bytes  int64  // of stream
}

// Names in the source.
const (
	shareName  = "share"
	firstName  = "first"
	secondName = "second"
)

// newSource fills a file system and writes the streams to files. On an error it
// leaves nothing mounted.
func newSource(ctx context.Context, g *ground, set *dataset) (*source, error) {
	f, err := g.newField(set.mount)
	if err != nil {
		return nil, err
	}
	s := &source{field: f, set: set, stream: filepath.Join(g.dir, "stream"), base: filepath.Join(g.dir, "base")}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *source) prepare(ctx context.Context) (err error) {
	if err := btrfs.CreateSubvolume(s.root, shareName); err != nil {
		return err
	}
	share, err := os.Open(s.path(shareName))
	if err != nil {
		return err
	}
	defer share.Close() //nolint:errcheck // opened for reading
	if err := s.set.fill(ctx, share.Name()); err != nil {
		return err
	}
	if s.first, err = s.snapshot(share, firstName); err != nil {
		return err
	}
	if s.set.change != nil {
		if err := s.set.change(ctx, share.Name()); err != nil {
			return err
		}
		if s.second, err = s.snapshot(share, secondName); err != nil {
			return err
		}
		if _, err := s.write(ctx, s.base, s.request(s.first, btrfs.UUID{})); err != nil {
			return err
		}
	}
	s.bytes, err = s.write(ctx, s.stream, s.measured())
	return err
}

func (s *source) snapshot(share *os.File, name string) (btrfs.Subvolume, error) {
	if err := btrfs.CreateSnapshot(s.root, name, share, true); err != nil {
		return btrfs.Subvolume{}, err
	}
	dir, err := os.Open(s.path(name))
	if err != nil {
		return btrfs.Subvolume{}, err
	}
	defer dir.Close() //nolint:errcheck // opened for reading
	return btrfs.Info(dir)
}

func (s *source) path(name string) string { return filepath.Join(s.pool.Path(), name) }

func (s *source) isIncrement() bool { return s.set.change != nil }

// measured is the request for the stream that is measured.
func (s *source) measured() btrfs.SendRequest {
	if s.isIncrement() {
		return s.request(s.second, s.first.UUID)
	}
	return s.request(s.first, btrfs.UUID{})
}

func (s *source) request(snap btrfs.Subvolume, parent btrfs.UUID) btrfs.SendRequest {
	return btrfs.SendRequest{Snapshot: snap.UUID, Parent: parent, Version: s.set.version, Compressed: s.set.packed}
}

// send writes the stream that is measured.
func (s *source) send(ctx context.Context, w io.Writer) error {
	_, err := s.pool.Send(ctx, w, s.measured())
	return err
}

// write puts a stream into a file.
func (s *source) write(ctx context.Context, path string, r btrfs.SendRequest) (int64, error) {
	file, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	stats, err := s.pool.Send(ctx, file, r)
	return stats.Bytes, errors.Join(err, file.Close())
}

// stockSend is the line of btrfs send for it.
func (s *source) stockSend() []string {
	line := []string{"-q", "send"}
	if s.set.version > 1 {
		line = append(line, "--proto", fmt.Sprint(s.set.version))
	}
	if s.set.packed {
		line = append(line, "--compressed-data")
	}
	if s.isIncrement() {
		return append(line, "-p", s.path(firstName), s.path(secondName))
	}
	return append(line, s.path(firstName))
}
