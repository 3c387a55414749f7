package receive

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
)

// maxSources bounds the snapshots held open to clone from.
const maxSources = 16

// Opener opens the read-only snapshot that a stream calls u, as its parent or as
// the source of a clone. It decides what a stream may read: an error that wraps
// ErrNoParent means that there is no such snapshot, or none for this stream. The
// caller closes the file.
type Opener func(u btrfs.UUID) (*os.File, error)

// sources opens the files that clones come from.
type sources struct {
	root *os.File
	self btrfs.UUID
	open Opener

	snapshots map[btrfs.UUID]*os.File
	of        btrfs.UUID // which snapshot file belongs to
	file      openFile
}

func newSources(root *os.File, self btrfs.UUID, open Opener) *sources {
	return &sources{root: root, self: self, open: open, snapshots: map[btrfs.UUID]*os.File{}}
}

// at opens the regular file at path in the snapshot u. It stays open until the
// next call.
func (s *sources) at(u btrfs.UUID, path string) (*os.File, error) {
	if u == s.of && s.file.is(path) {
		return s.file.osFile(), nil
	}
	dir, err := s.snapshot(u)
	if errors.Is(err, ErrNoParent) {
		return nil, breach(ruleSource, err)
	}
	if err != nil {
		return nil, err
	}
	release(&s.file)
	file, err := openRegular(dir, path, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	s.of, s.file = u, newOpenFile(path, file)
	return file, nil
}

func (s *sources) snapshot(u btrfs.UUID) (*os.File, error) {
	if u == s.self {
		return s.root, nil
	}
	if dir := s.snapshots[u]; dir != nil {
		return dir, nil
	}
	dir, err := s.open(u)
	if err != nil {
		return nil, err
	}
	if len(s.snapshots) >= maxSources {
		s.closeSnapshots()
	}
	s.snapshots[u] = dir
	return dir, nil
}

func (s *sources) closeSnapshots() {
	for _, dir := range s.snapshots {
		release(dir)
	}
	clear(s.snapshots)
}

func (s *sources) close() {
	release(&s.file)
	s.closeSnapshots()
}
