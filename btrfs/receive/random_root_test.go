//go:build root

package receive_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs/sendstream"
)

// scribe writes random streams that keep to the rules and to nothing else: other
// than the kernel it names, fills, dates and renames entries in any order.
type scribe struct {
	t       *testing.T
	rng     *rand.Rand
	encoder *encoder
	entries []scribed // the root is not among them
	serial  uint64
}

// scribed is an entry of the tree so far.
type scribed struct {
	path string
	kind sendstream.Type // that made it
}

func (e scribed) isFile() bool    { return e.kind == sendstream.CmdMkfile }
func (e scribed) isDir() bool     { return e.kind == sendstream.CmdMkdir }
func (e scribed) hasMode() bool   { return e.kind != sendstream.CmdSymlink }
func (e scribed) isLeaf() bool    { return !e.isDir() }
func (e scribed) anything() bool  { return true }
func (e scribed) at() []byte      { return []byte(e.path) }
func below(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

// randomStream returns a full stream of that many random changes.
func randomStream(t *testing.T, seed uint64, changes int) []byte {
	t.Helper()
	s := &scribe{t: t, rng: rand.New(rand.NewPCG(seed, 1)), encoder: sendstream.NewEncoder(2)}
	s.write(command{Type: sendstream.CmdSubvol, Path: []byte("random"), UUID: claimed, CTransID: claimedCTransID})
	for range changes {
		s.change()
	}
	for _, e := range s.entries {
		s.date(e.path)
	}
	s.date("")
	s.write(command{Type: sendstream.CmdEnd})
	return s.encoder.Bytes()
}

func (s *scribe) write(c command) {
	s.t.Helper()
	must(s.t, s.encoder.Append(&c))
}

func (s *scribe) change() {
	switch s.rng.IntN(14) {
	case 0, 1, 2, 3:
		s.make()
	case 4:
		s.rename()
	case 5:
		s.link()
	case 6:
		s.remove()
	case 7, 8, 9:
		s.fill()
	case 10:
		s.xattr()
	case 11:
		s.clone()
	case 12:
		s.own()
	default:
		if e, ok := s.pick(scribed.anything); ok {
			s.date(e.path)
		}
	}
}

func (s *scribe) pick(want func(scribed) bool) (scribed, bool) {
	for range 20 {
		if len(s.entries) == 0 {
			break
		}
		if e := s.entries[s.rng.IntN(len(s.entries))]; want(e) {
			return e, true
		}
	}
	return scribed{}, false
}

// newPath is an unused path in some directory.
func (s *scribe) newPath() string {
	s.serial++
	name := fmt.Sprintf("n%d\xff", s.serial)
	if dir, ok := s.pick(scribed.isDir); ok && s.rng.IntN(4) > 0 && len(dir.path) < 1000 {
		return dir.path + "/" + name
	}
	return name
}

// make makes an entry under a temporary name and, mostly, renames it at once.
func (s *scribe) make() {
	kinds := []sendstream.Type{
		sendstream.CmdMkfile, sendstream.CmdMkfile, sendstream.CmdMkfile, sendstream.CmdMkdir, sendstream.CmdMkdir,
		sendstream.CmdSymlink, sendstream.CmdMknod, sendstream.CmdMkfifo, sendstream.CmdMksock,
	}
	s.serial++
	c := command{Type: kinds[s.rng.IntN(len(kinds))], Path: fmt.Appendf(nil, "o%d-7-0", s.serial), Ino: s.serial}
	switch c.Type { //nolint:exhaustive // the others have nothing more
	case sendstream.CmdSymlink:
		c.Target = []byte("/etc/passwd")
	case sendstream.CmdMknod:
		c.Mode, c.Rdev = unix.S_IFCHR|s.rng.Uint64N(0o1000), 0x103
	case sendstream.CmdMkfifo:
		c.Mode = unix.S_IFIFO | s.rng.Uint64N(0o1000)
	case sendstream.CmdMksock:
		c.Mode = unix.S_IFSOCK | s.rng.Uint64N(0o1000)
	}
	s.write(c)
	made := scribed{string(c.Path), c.Type}
	if s.rng.IntN(5) > 0 {
		to := s.newPath()
		s.write(command{Type: sendstream.CmdRename, Path: c.Path, To: []byte(to)})
		made.path = to
	}
	s.entries = append(s.entries, made)
	// Devices that progs make have no permissions at first.
	if made.hasMode() && s.rng.IntN(5) > 0 || made.kind == sendstream.CmdMknod {
		s.chmod(made)
	}
}

func (s *scribe) rename() {
	e, ok := s.pick(scribed.anything)
	to := s.newPath()
	if !ok || below(to, e.path) {
		return
	}
	// Progs write on into a file they have open when another takes its place, and
	// of two names of one inode neither takes that of the other.
	replaceable := func(o scribed) bool { return o.isLeaf() && !o.isFile() && o.kind != e.kind }
	if over, ok := s.pick(replaceable); ok && e.isLeaf() && s.rng.IntN(3) == 0 {
		to = over.path
		s.drop(to)
	}
	s.write(command{Type: sendstream.CmdRename, Path: e.at(), To: []byte(to)})
	for i, have := range s.entries {
		if below(have.path, e.path) {
			s.entries[i].path = to + have.path[len(e.path):]
		}
	}
}

func (s *scribe) drop(path string) {
	s.entries = slices.DeleteFunc(s.entries, func(e scribed) bool { return e.path == path })
}

func (s *scribe) link() {
	e, ok := s.pick(scribed.isLeaf)
	if !ok {
		return
	}
	path := s.newPath()
	s.write(command{Type: sendstream.CmdLink, Path: []byte(path), Target: e.at()})
	s.entries = append(s.entries, scribed{path, e.kind})
}

func (s *scribe) remove() {
	e, ok := s.pick(func(e scribed) bool {
		return e.isLeaf() || !slices.ContainsFunc(s.entries, func(o scribed) bool { return o != e && below(o.path, e.path) })
	})
	if !ok {
		return
	}
	how := sendstream.CmdUnlink
	if e.isDir() {
		how = sendstream.CmdRmdir
	}
	s.write(command{Type: how, Path: e.at()})
	s.drop(e.path)
}

func (s *scribe) fill() {
	e, ok := s.pick(scribed.isFile)
	if !ok {
		return
	}
	c := command{Type: sendstream.CmdWrite, Path: e.at(), FileOffset: s.rng.Uint64N(20000), Data: make([]byte, 1+s.rng.IntN(9000))}
	for i := range c.Data {
		c.Data[i] = byte(s.serial) + byte(i)
	}
	if s.rng.IntN(3) == 0 {
		c = command{Type: sendstream.CmdTruncate, Path: e.at(), Length: s.rng.Uint64N(20000)}
	}
	s.write(c)
}

// clone shares the first block of a file with another or itself, where there is
// one.
func (s *scribe) clone() {
	from, ok := s.pick(scribed.isFile)
	to, _ := s.pick(scribed.isFile)
	if !ok || to.path == "" {
		return
	}
	s.write(command{Type: sendstream.CmdWrite, Path: from.at(), Data: slices.Repeat([]byte{byte(s.serial)}, 8192)})
	s.write(command{
		Type: sendstream.CmdClone, Path: to.at(), FileOffset: 8192 * (1 + s.rng.Uint64N(4)),
		CloneUUID: claimed, CloneCTransID: claimedCTransID, ClonePath: from.at(), CloneLen: 4096,
	})
}

// xattr sets, among others, those that new entries take from their directory.
func (s *scribe) xattr() {
	e, ok := s.pick(func(e scribed) bool { return e.isFile() || e.isDir() })
	if !ok {
		return
	}
	c := command{Type: sendstream.CmdSetXattr, Path: e.at(), Name: []byte("user.x"), Data: []byte("y")}
	switch s.rng.IntN(6) {
	case 0, 1:
		c.Name, c.Data = []byte("btrfs.compression"), []byte([]string{"zstd", "zlib"}[s.rng.IntN(2)])
	case 2:
		c.Name, c.Data = []byte("system.posix_acl_access"), someACL
	case 3:
		if e.isDir() {
			c.Name, c.Data = []byte("system.posix_acl_default"), someACL
		}
	case 4:
		c.Type, c.Data = sendstream.CmdRemoveXattr, nil
	}
	if c.Type == sendstream.CmdRemoveXattr { // progs want it to be there
		s.write(command{Type: sendstream.CmdSetXattr, Path: e.at(), Name: c.Name, Data: []byte("z")})
	}
	s.write(c)
}

// someACL is struct posix_acl_xattr_header and entries of
// linux/posix_acl_xattr.h: owner rw, user 1000 rwx, group r, mask rx, others none.
var someACL = []byte{
	2, 0, 0, 0,
	0x01, 0, 6, 0, 0xff, 0xff, 0xff, 0xff,
	0x02, 0, 7, 0, 0xe8, 3, 0, 0,
	0x04, 0, 4, 0, 0xff, 0xff, 0xff, 0xff,
	0x10, 0, 5, 0, 0xff, 0xff, 0xff, 0xff,
	0x20, 0, 0, 0, 0xff, 0xff, 0xff, 0xff,
}

func (s *scribe) own() {
	e, ok := s.pick(scribed.anything)
	if !ok {
		return
	}
	s.write(command{Type: sendstream.CmdChown, Path: e.at(), UID: s.rng.Uint64N(2) * 1000, GID: s.rng.Uint64N(2) * 1000})
	if e.hasMode() {
		s.chmod(e)
	}
}

// chmod makes directories setgid at times: what is made in them takes their group.
func (s *scribe) chmod(e scribed) {
	mode := []uint64{0o644, 0o644, 0o600, 0o755, 0o000}[s.rng.IntN(5)]
	if e.isDir() && s.rng.IntN(3) == 0 {
		mode |= unix.S_ISGID
	}
	s.write(command{Type: sendstream.CmdChmod, Path: e.at(), Mode: mode})
}

func (s *scribe) date(path string) {
	at := sendstream.Time{Sec: int64(s.rng.IntN(1e9)), Nsec: s.rng.Uint32N(1e9)}
	s.write(command{Type: sendstream.CmdUtimes, Path: []byte(path), ATime: at, MTime: at})
}
