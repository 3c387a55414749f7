package btrfs

import (
	"errors"
	"fmt"

	"btrmesh/btrfs/sendstream"
)

// script is a composition that writes down what it gets, but for owners, modes
// and times of files.
type script struct {
	lines  []string
	checks *sendstream.Composer // refuses what a reader would
}

var errLong = errors.New("the script is long enough")

func (s *script) add(c *sendstream.Command) error {
	if err := s.checks.Add(c); err != nil {
		return err
	}
	if len(s.lines) > 1000 {
		return errLong
	}
	line := fmt.Sprintf("%v %s", c.Type, c.Path)
	switch c.Type { //nolint:exhaustive // the rest is told by its path
	case sendstream.CmdChown, sendstream.CmdChmod:
		return nil
	case sendstream.CmdLink, sendstream.CmdSymlink:
		line += fmt.Sprintf(" -> %s", c.Target)
	case sendstream.CmdSetXattr:
		line += fmt.Sprintf(" %s=%s", c.Name, c.Data)
	case sendstream.CmdWrite:
		line += fmt.Sprintf(" at %d: %s", c.FileOffset, c.Data)
	case sendstream.CmdTruncate:
		line += fmt.Sprintf(" to %d", c.Length)
	case sendstream.CmdClone:
		line += fmt.Sprintf(" at %d: %d of %s at %d", c.FileOffset, c.CloneLen, c.ClonePath, c.CloneOffset)
	}
	s.lines = append(s.lines, line)
	return nil
}

func (s *script) addRead(c *sendstream.Command, r reading) error {
	if _, _, err := s.checks.AddRoom(c, r.length); err != nil {
		return err
	}
	if s.checks.Take(nil); len(s.lines) > 1000 {
		return errLong
	}
	line := fmt.Sprintf("%v %s at %d: %d bytes of inode %d", c.Type, c.Path, c.FileOffset, r.length, r.ino)
	if r.encoded.stored > 0 {
		line += fmt.Sprintf(" for %d at %d of %d", c.UnencodedFileLen, c.UnencodedOffset, c.UnencodedLen)
	}
	s.lines = append(s.lines, line)
	return nil
}

// streamOf returns the script of a tree.
func (f *fakeTree) streamOf(form fullForm) ([]string, error) {
	var twice seenTwice
	for _, it := range *f {
		if e, ok := fileExtentOf(it); ok && e.kind == extentRegular {
			twice.add(e)
		}
	}
	s := &script{checks: sendstream.NewComposer(form.version, sendstream.Position{})}
	t := newFullTree(form, twice, f, s)
	if err := t.begin("snapshot"); err != nil {
		return s.lines, err
	}
	for _, it := range *f {
		if err := t.add(it); err != nil {
			return s.lines, err
		}
	}
	return s.lines, t.end()
}
