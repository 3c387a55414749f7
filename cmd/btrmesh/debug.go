package main

import (
	"errors"
	"io/fs"
	"os"

	"github.com/urfave/cli/v2"

	"btrmesh/btrfs"
	"btrmesh/mesh/control"
)

// debugCommand holds what stands in for btrfs send and btrfs receive: for rescue,
// for scripts, and to compare with. None of it needs a daemon.
func debugCommand() *cli.Command {
	return group("debug", "send and receive by hand, without the daemon", debugSendCommand(), debugReceiveCommand())
}

// What debug commands fail with.
const (
	codeNeedsRoot       = "needs_root"
	codePathNotFound    = "path_not_found"
	codePathExists      = "path_exists"
	codeNotReadOnly     = "not_read_only"
	codeNoParent        = "no_parent"
	codeBadStream       = "bad_stream"
	codeOldKernel       = "old_kernel"
	codeSubvolumeExists = "subvolume_exists"
)

// failure makes an error with a code of the debug commands.
func failure(code string, exit int, format string, args ...any) *control.Error {
	e := control.Errorf(code, format, args...)
	e.Exit = exit
	return e
}

// needRoot refuses anybody but root, whom alone the kernel lets send and receive.
func (s *session) needRoot(euid int) error {
	if euid == 0 {
		return nil
	}
	e := failure(codeNeedsRoot, control.ExitNotAllowed, "%s needs root, for the kernel lets nobody else do it.", groupName(s.line))
	if line, ok := s.line.App.Metadata[lineKey].([]string); ok && len(line) > 0 {
		return e.Hint("%s", withSudo(line))
	}
	return e
}

// subvolumeAt describes the subvolume whose top directory is at path.
func subvolumeAt(path string) (btrfs.Subvolume, error) {
	dir, err := os.Open(path)
	if err != nil {
		return btrfs.Subvolume{}, wrongPath(path, err)
	}
	defer dir.Close() //nolint:errcheck // opened for reading
	sub, err := btrfs.Info(dir)
	return sub, wrongPath(path, err)
}

// poolAt opens the file system that path is on.
func poolAt(path string) (*btrfs.Pool, error) {
	pool, err := btrfs.OpenPool(path)
	return pool, wrongPath(path, err)
}

// wrongPath tells what is wrong with a path that was given.
func wrongPath(path string, err error) error {
	if foreign, ok := errors.AsType[*btrfs.ForeignError](err); ok {
		return failure(control.CodeNotBtrfs, control.ExitConflict, "%s is on %s, not on btrfs.", path, foreign.Type)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return failure(codePathNotFound, control.ExitNotFound, "%s does not exist.", path)
	case errors.Is(err, btrfs.ErrNotBtrfs):
		return failure(control.CodeNotBtrfs, control.ExitConflict, "%s is not on btrfs.", path)
	case errors.Is(err, btrfs.ErrNotSubvolume):
		return failure(control.CodeNotASubvolume, control.ExitConflict, "%s is not the top of a subvolume.", path)
	}
	return err
}
