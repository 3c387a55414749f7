package btrfstest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// longestPath bounds the bytes of a path below the root of a mutated tree: send
// fails on paths of 4096 bytes, and the tests' own directories come on top.
const longestPath = 3000

// Mutate applies ops random operations to the tree below dir: new files and
// nodes of every type, writes, holes, preallocation, reflinks, renames, exchanges,
// links, removals, and every kind of attribute; see operations. The same seed on
// the same tree makes the same changes, times given by the kernel excepted.
//
// What the file system refuses (no reflinks on tmpfs, rmdir of a full
// directory) is drawn again, so ops is the number that did something; an error
// of another kind, ENOSPC say, ends it. Mutate needs root, follows no symlink
// out of dir, and nothing else may change the tree meanwhile.
func Mutate(dir string, seed uint64, ops int) error {
	m, err := newMutator(dir, seed)
	if err != nil {
		return fmt.Errorf("mutate %s: %w", dir, err)
	}
	if err := m.run(ops); err != nil {
		return fmt.Errorf("mutate %s with seed %d: %w", dir, seed, err)
	}
	return nil
}

// MutateRoot gives the root of a tree what everything made in it inherits: a
// default ACL, a compression property and the setgid bit.
//
// It is apart from Mutate because a stream makes every new file in the root
// first, under a temporary name: a receiver that follows the stream to the
// letter, btrfs receive of progs 6.2 for one, leaves the root's ACL and property
// on thousands of files that have none at the source.
func MutateRoot(dir string, seed uint64) error {
	m, err := newMutator(dir, seed)
	root := node{".", fs.ModeDir}
	err = errors.Join(err,
		m.setAttribute(root, "system.posix_acl_default", m.acl()),
		m.setAttribute(root, "btrfs.compression", m.compression()),
		pathError("chmod", dir, unix.Chmod(dir, 0o2000|m.rng.Uint32N(0o1000))))
	if err != nil {
		return fmt.Errorf("mutate root %s: %w", dir, err)
	}
	return nil
}

// node is one path of the mutated tree.
type node struct {
	path string // relative to the root, which is "." and not among the nodes
	kind fs.FileMode
}

func (n node) isRegular() bool { return n.kind.IsRegular() }
func (n node) isDir() bool     { return n.kind.IsDir() }
func (n node) isFile() bool    { return !n.kind.IsDir() }
func (n node) isSymlink() bool { return n.kind == fs.ModeSymlink }

// mutator changes one tree and keeps an exact list of its paths.
type mutator struct {
	root   string
	seed   uint64
	source *rand.ChaCha8 // of random bytes
	rng    *rand.Rand    // over source
	nodes  []node
	serial int            // of the last name given
	done   map[string]int // operations that did something, by name
}

func newMutator(dir string, seed uint64) (*mutator, error) {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	source := rand.NewChaCha8(key)
	m := &mutator{root: dir, seed: seed, source: source, rng: rand.New(source), done: map[string]int{}}
	return m, filepath.WalkDir(dir, m.found)
}

func (m *mutator) found(path string, e fs.DirEntry, err error) error {
	if err != nil || path == m.root {
		return err
	}
	rel, err := filepath.Rel(m.root, path)
	m.nodes = append(m.nodes, node{rel, e.Type()})
	return err
}

func (m *mutator) run(ops int) error {
	table := operations()
	refused := 0
	for n := 0; n < ops; {
		op := m.draw(table)
		err := op.do(m)
		switch {
		case err == nil:
			m.done[op.name]++
			n, refused = n+1, 0
		case !isRefusal(err):
			return fmt.Errorf("operation %d, %s: %w", n, op.name, err)
		case refused > 1000:
			return fmt.Errorf("operation %d: 1000 in a row refused, the last: %w", n, err)
		default:
			refused++
		}
	}
	return nil
}

// operation is one kind of change; weight is its share of the draws.
type operation struct {
	name   string
	weight int
	do     func(*mutator) error
}

// operations is all Mutate can do.
func operations() []operation {
	return []operation{
		{"create", 14, (*mutator).create},
		{"overwrite", 8, (*mutator).overwrite},
		{"append", 4, (*mutator).appendData},
		{"truncate", 4, (*mutator).truncate},
		{"sparse", 2, (*mutator).sparse},
		{"punch hole", 3, (*mutator).punchHole},
		{"zero range", 1, (*mutator).zeroRange},
		{"preallocate", 2, (*mutator).preallocate},
		{"clone range", 5, (*mutator).cloneRange},
		{"clone within", 2, (*mutator).cloneWithin},
		{"clone file", 2, (*mutator).cloneFile},

		{"mkdir", 6, (*mutator).mkdir},
		{"mkdir deep", 1, (*mutator).mkdirDeep},
		{"symlink", 3, (*mutator).symlink},
		{"link", 6, (*mutator).link},
		{"rename file", 8, (*mutator).renameFile},
		{"rename over", 2, (*mutator).renameOver},
		{"rename directory", 5, (*mutator).renameDirectory},
		{"exchange", 2, (*mutator).exchange},
		{"remove", 5, (*mutator).remove},
		{"rmdir", 2, (*mutator).rmdir},
		{"rmtree", 1, (*mutator).rmtree},

		{"character device", 1, (*mutator).characterDevice},
		{"block device", 1, (*mutator).blockDevice},
		{"fifo", 1, (*mutator).fifo},
		{"socket", 1, (*mutator).socket},

		{"user attribute", 4, (*mutator).userAttribute},
		{"trusted attribute", 2, (*mutator).trustedAttribute},
		{"remove attribute", 2, (*mutator).removeAttribute},
		{"compression property", 1, (*mutator).compressionProperty},
		{"capability", 3, (*mutator).capability},
		{"access acl", 3, (*mutator).accessACL},
		{"default acl", 2, (*mutator).defaultACL},
		{"chmod", 3, (*mutator).chmod},
		{"special bits", 1, (*mutator).specialBits},
		{"chown", 3, (*mutator).chown},
		{"times", 2, (*mutator).times},
	}
}

func (m *mutator) draw(table []operation) operation {
	sum := 0
	for _, op := range table {
		sum += op.weight
	}
	at := m.rng.IntN(sum)
	for _, op := range table {
		if at -= op.weight; at < 0 {
			return op
		}
	}
	panic("drawn beyond the sum of all weights")
}

// errNothing says that the tree has no path an operation could work on.
var errNothing = errors.New("no such path in the tree")

// refusals tell an operation that could not apply to what was drawn from one that
// went wrong.
func refusals() []error {
	return []error{
		errNothing, unix.EINVAL, unix.EEXIST, unix.ENOTEMPTY, unix.ENOTDIR, unix.EISDIR, unix.EMLINK,
		unix.EOPNOTSUPP, unix.ENODATA, unix.ENOTTY, unix.EXDEV, unix.EPERM, unix.EACCES,
	}
}

func isRefusal(err error) bool {
	return slices.ContainsFunc(refusals(), func(r error) bool { return errors.Is(err, r) })
}

// pick draws a path that is wanted, errNothing when there is none.
func (m *mutator) pick(want func(node) bool) (node, error) {
	if len(m.nodes) == 0 {
		return node{}, errNothing
	}
	start := m.rng.IntN(len(m.nodes))
	for i := range m.nodes {
		if n := m.nodes[(start+i)%len(m.nodes)]; want(n) {
			return n, nil
		}
	}
	return node{}, errNothing
}

// directory draws a directory to make something in, often the root.
func (m *mutator) directory() string {
	n, err := m.pick(node.isDir)
	if err != nil || m.rng.IntN(6) == 0 || len(n.path) > longestPath-300 {
		return "."
	}
	return n.path
}

// any draws a path of any type, now and then the root.
func (m *mutator) any() node {
	n, err := m.pick(func(node) bool { return true })
	if err != nil || m.rng.IntN(20) == 0 {
		return node{".", fs.ModeDir}
	}
	return n
}

func (m *mutator) full(path string) string { return filepath.Join(m.root, path) }

// add notes a path that was made.
func (m *mutator) add(path string, kind fs.FileMode) {
	m.nodes = append(m.nodes, node{path, kind})
}

// drop forgets a path that was removed, and all below it.
func (m *mutator) drop(path string) {
	m.nodes = slices.DeleteFunc(m.nodes, func(n node) bool { return within(n.path, path) })
}

// moved renames a path and all below it.
func (m *mutator) moved(from, to string) {
	for i, n := range m.nodes {
		if within(n.path, from) {
			m.nodes[i].path = to + n.path[len(from):]
		}
	}
}

// fits tells whether all below from keeps a path short enough when from becomes to.
func (m *mutator) fits(from, to string) bool {
	longest := 0
	for _, n := range m.nodes {
		if within(n.path, from) {
			longest = max(longest, len(n.path)-len(from))
		}
	}
	return len(to)+longest <= longestPath
}

// within tells whether path is dir or lies below it.
func within(path, dir string) bool {
	rest, found := strings.CutPrefix(path, dir)
	return found && (rest == "" || rest[0] == '/')
}

// newPath is an unused path in a drawn directory.
func (m *mutator) newPath() string { return filepath.Join(m.directory(), m.newName()) }

// newName is a name not given before under this seed, at times an unpleasant one:
// invalid UTF-8 with a newline, 255 bytes, hidden, with spaces and a dash.
func (m *mutator) newName() string {
	m.serial++
	name := fmt.Sprintf("n%x_%d", m.seed, m.serial)
	switch m.rng.IntN(40) {
	case 0, 1:
		return "näme \n" + name + "\xff"
	case 2:
		return name + strings.Repeat("x", 255-len(name))
	case 3:
		return "." + name
	case 4:
		return "- " + name + `\"%`
	}
	return name
}
