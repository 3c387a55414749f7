package btrfstest

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs/sendstream"
)

// files is the tree of a fake subvolume: content by clean relative path.
// Directories are where files are.
type files map[string]string

// chunk is how much content one write command carries: BTRFS_SEND_READ_SIZE.
const chunk = 48 << 10

// dirs lists the directories of the tree, parents first.
func (f files) dirs() []string {
	set := map[string]bool{}
	for name := range f {
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			set[dir] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// composer collects a stream; the first error stays.
type composer struct {
	encoder *sendstream.Encoder
	err     error
}

func (c *composer) add(cmd sendstream.Command) {
	if c.err == nil {
		c.err = c.encoder.Append(&cmd)
	}
}

// compose makes the stream that begins with head and turns base into want: a
// full one when base is nil.
func compose(version uint32, head sendstream.Command, base, want files) ([]byte, error) {
	c := &composer{encoder: sendstream.NewEncoder(version)}
	c.add(head)
	c.remove(base, want)
	for _, dir := range without(want.dirs(), base.dirs()) {
		c.add(sendstream.Command{Type: sendstream.CmdMkdir, Path: []byte(dir)})
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		before, found := base[name]
		if !found {
			c.add(sendstream.Command{Type: sendstream.CmdMkfile, Path: []byte(name)})
		}
		c.write(name, before, want[name])
	}
	c.add(sendstream.Command{Type: sendstream.CmdEnd})
	if c.err != nil {
		return nil, fmt.Errorf("compose stream: %w", c.err)
	}
	return c.encoder.Bytes(), nil
}

// remove unlinks what base has and want has not, and then the directories left
// empty, the innermost first.
func (c *composer) remove(base, want files) {
	for _, name := range slices.Sorted(maps.Keys(base)) {
		if _, kept := want[name]; !kept {
			c.add(sendstream.Command{Type: sendstream.CmdUnlink, Path: []byte(name)})
		}
	}
	for _, dir := range slices.Backward(without(base.dirs(), want.dirs())) {
		c.add(sendstream.Command{Type: sendstream.CmdRmdir, Path: []byte(dir)})
	}
}

// write sends the chunks that differ, and the size if it shrank.
func (c *composer) write(name, before, after string) {
	for at := 0; at < len(after); at += chunk {
		data := after[at:min(at+chunk, len(after))]
		if at+len(data) <= len(before) && before[at:at+len(data)] == data {
			continue
		}
		c.add(sendstream.Command{
			Type: sendstream.CmdWrite, Path: []byte(name), FileOffset: uint64(at), Data: []byte(data),
		})
	}
	if len(after) < len(before) {
		c.add(sendstream.Command{Type: sendstream.CmdTruncate, Path: []byte(name), Length: uint64(len(after))})
	}
}

// without returns those of list that are not in other; both are sorted.
func without(list, other []string) []string {
	return slices.DeleteFunc(list, func(s string) bool {
		_, found := slices.BinarySearch(other, s)
		return found
	})
}

// draft is a tree that a stream is being applied to.
type draft struct {
	done    files             // as it was before this stream
	written map[string][]byte // touched by it
	bytes   int64             // written by it
}

func newDraft(base files) *draft {
	return &draft{done: maps.Clone(base), written: map[string][]byte{}}
}

// files is the tree after the stream.
func (d *draft) files() files {
	tree := files{}
	maps.Copy(tree, d.done)
	for name, content := range d.written {
		tree[name] = string(content)
	}
	return tree
}

// apply carries out c. What a fake tree has no place for, owners, modes, times
// and attributes, is passed over; nodes other than files and directories, links
// and clones are an error.
func (d *draft) apply(c *sendstream.Command) error {
	name := string(c.Path)
	switch c.Type {
	case sendstream.CmdMkfile:
		d.written[name] = nil
	case sendstream.CmdUnlink:
		return d.unlink(name)
	case sendstream.CmdRename:
		d.rename(name, string(c.To))
	case sendstream.CmdWrite:
		end := c.FileOffset + uint64(len(c.Data))
		return d.edit(name, end, func(b []byte) []byte { return writeAt(b, c.Data, c.FileOffset) })
	case sendstream.CmdTruncate:
		return d.edit(name, c.Length, func(b []byte) []byte { return resize(b, c.Length) })
	case sendstream.CmdMkdir, sendstream.CmdRmdir, sendstream.CmdChmod, sendstream.CmdChown, sendstream.CmdUtimes,
		sendstream.CmdSetXattr, sendstream.CmdRemoveXattr, sendstream.CmdEnd:
	default:
		return fmt.Errorf("%s %q: not possible in a fake pool", c.Type, name)
	}
	return nil
}

func (d *draft) unlink(name string) error {
	if !d.has(name) {
		return noSuchFile(name)
	}
	delete(d.done, name)
	delete(d.written, name)
	return nil
}

func (d *draft) has(name string) bool {
	_, isWritten := d.written[name]
	_, isDone := d.done[name]
	return isWritten || isDone
}

// rename moves a file, or a directory by moving what is in it. An empty
// directory is nothing here and moves without a trace.
func (d *draft) rename(from, to string) {
	move(d.done, from, to)
	move(d.written, from, to)
}

func move[T any](tree map[string]T, from, to string) {
	for _, name := range slices.Collect(maps.Keys(tree)) {
		if within(name, from) {
			tree[to+strings.TrimPrefix(name, from)] = tree[name]
			delete(tree, name)
		}
	}
}

// maxContent bounds a file of a fake pool, and with it what a stream can make
// the fake allocate.
const maxContent = 1 << 30

// edit changes the content of a file, which has to end within size bytes.
func (d *draft) edit(name string, size uint64, change func([]byte) []byte) error {
	if !d.has(name) {
		return noSuchFile(name)
	}
	if size > maxContent {
		return &fs.PathError{Op: "write", Path: name, Err: unix.EFBIG}
	}
	content, found := d.written[name]
	if !found {
		content = []byte(d.done[name])
		delete(d.done, name)
	}
	d.written[name] = change(content)
	d.bytes += int64(max(len(d.written[name])-len(content), 0))
	return nil
}

func noSuchFile(name string) error {
	return &sendstream.Error{Rule: "no such file", Err: fmt.Errorf("%q", name)}
}

func writeAt(b, data []byte, offset uint64) []byte {
	if end := offset + uint64(len(data)); end > uint64(len(b)) {
		b = resize(b, end)
	}
	copy(b[offset:], data)
	return b
}

func resize(b []byte, size uint64) []byte {
	if more := int(size) - len(b); more > 0 {
		return append(b, make([]byte, more)...)
	}
	return b[:size]
}
