package btrfstest

import (
	"context"
	"crypto/rand"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
)

// Fake is a pool in memory, source and target in one: it has the methods of
// [btrfs.Pool] that replication needs and those of [receive.Target], and gives
// the same errors. Its files have a path and content and nothing else; its send
// streams are real ones. No call blocks but in the reader or writer it is given,
// so a node over a Fake can run in a bubble of testing/synctest.
//
// It survives what a disk survives: close the node that uses it, call Crash or
// not, and start another on the same Fake. It is safe for concurrent use. The
// zero value is not valid.
type Fake struct {
	label  string
	uuid   btrfs.UUID
	faults faults

	mu          sync.Mutex
	total       uint64 // bytes; see Resize
	transaction uint64 // the last one
	lastID      uint64
	crashes     int // so far
	shares      map[string]*volume
	sources     []*btrfs.Snapshot
	replicas    []*replica
	incoming    map[string]*staging // by name of the run
	volumes     map[btrfs.UUID]*volume
}

// volume is a subvolume.
type volume struct {
	id         uint64
	uuid       btrfs.UUID
	parent     btrfs.UUID // snapshot of this one
	received   btrfs.UUID // copy of this one
	ctransid   uint64     // of received, if there is one
	generation uint64
	readOnly   bool
	sending    int // sends in progress
	files      files
}

// fakeSize is the size of a new Fake in bytes.
const fakeSize = 1 << 40

// NewFake returns an empty pool of 1 TiB.
func NewFake(label string) *Fake {
	return &Fake{
		label: label, uuid: newUUID(), total: fakeSize, transaction: 10, lastID: 256,
		shares: map[string]*volume{}, incoming: map[string]*staging{}, volumes: map[btrfs.UUID]*volume{},
	}
}

func newUUID() btrfs.UUID {
	var u btrfs.UUID
	_, _ = rand.Read(u[:]) // never fails
	return u
}

// Inject makes a call to come fail. Of several faults for one call the first
// injected counts.
func (f *Fake) Inject(x Fault) { f.faults.inject(x) }

// Heal takes back all faults that are still to come.
func (f *Fake) Heal() { f.faults.heal() }

// Calls returns how often op was called so far.
func (f *Fake) Calls(op Op) int { return f.faults.count(op) }

// Resize sets how many bytes the pool holds, less than it holds now if it shall
// be full: then writing and receiving give ENOSPC. Equal contents count once.
func (f *Fake) Resize(total uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.total = total
}

// Crash is what kill -9 and a power cut do: calls in progress have no effect any
// more and return ErrCrashed as soon as they move, what was received in part
// stays in incoming/ until Sweep, and what was committed stays.
func (f *Fake) Crash() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.crashes++
	for _, s := range f.incoming {
		s.running = false
	}
	for _, v := range f.volumes {
		v.sending = 0
	}
}

// crashed fails if the pool crashed since it had so many crashes behind it.
func (f *Fake) crashed(since int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.crashes != since {
		return ErrCrashed
	}
	return nil
}

// UUID returns what stands for the UUID of the file system.
func (f *Fake) UUID() btrfs.UUID { return f.uuid }

// Label returns the name given to NewFake.
func (f *Fake) Label() string { return f.label }

// Path returns where the pool would be mounted. There is nothing at it.
func (f *Fake) Path() string { return "/fake/" + f.label }

// Lock does nothing but fail on request.
func (f *Fake) Lock() error { return f.faults.next(OpLock).Err }

// Close does nothing: the pool can be used further.
func (f *Fake) Close() error { return nil }

// Space counts every content once, as if all copies were reflinks.
func (f *Fake) Space() (btrfs.Space, error) {
	if x := f.faults.next(OpSpace); x.Err != nil {
		return btrfs.Space{}, x.Err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	free := f.free()
	return btrfs.Space{Total: f.total, Free: free, Unallocated: free, Metadata: free, Profile: "single"}, nil
}

// free is called with the lock held.
func (f *Fake) free() uint64 {
	seen := map[string]bool{}
	var used uint64
	for _, v := range f.volumes {
		for _, content := range v.files {
			if !seen[content] {
				seen[content] = true
				used += uint64(len(content))
			}
		}
	}
	return f.total - min(used, f.total)
}

// add registers a new subvolume, in the transaction that ends with it. It is
// called with the lock held.
func (f *Fake) add(v *volume) *volume {
	f.transaction++
	f.lastID++
	v.id, v.uuid, v.generation = f.lastID, newUUID(), f.transaction
	f.volumes[v.uuid] = v
	return v
}

// CreateShare makes an empty share.
func (f *Fake) CreateShare(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := checkShareName(name); err != nil {
		return &btrfs.Error{Op: "create share", Path: name, Err: err}
	}
	if f.shares[name] != nil {
		return &btrfs.Error{Op: "create share", Path: name, Err: fs.ErrExist}
	}
	f.shares[name] = f.add(&volume{files: files{}})
	return nil
}

// WriteFile puts a file with the content data at a path of a share, in place of
// what is there.
func (f *Fake) WriteFile(share, name string, data []byte) error {
	return f.change("write", share, name, func(tree files) error {
		if uint64(len(data)) > f.free() {
			return unix.ENOSPC
		}
		tree[name] = string(data)
		return nil
	})
}

// RemoveFile removes a file of a share, and with the last one its directory.
func (f *Fake) RemoveFile(share, name string) error {
	return f.change("remove", share, name, func(tree files) error {
		if _, found := tree[name]; !found {
			return fs.ErrNotExist
		}
		delete(tree, name)
		return nil
	})
}

func (f *Fake) change(op, share, name string, do func(files) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	v, err := f.shares[share], fs.ErrNotExist
	if v != nil && fs.ValidPath(name) {
		err = do(v.files)
	}
	if err != nil {
		return &btrfs.Error{Op: op, Path: path.Join(share, name), Err: err}
	}
	f.transaction++
	v.generation = f.transaction
	return nil
}

// Files returns all files below an absolute path that is that of a share, of a
// source snapshot or of the data of a committed snapshot.
func (f *Fake) Files(at string) (map[string]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if v := f.at(strings.TrimPrefix(at, f.Path()+"/")); v != nil {
		return maps.Clone(v.files), nil
	}
	return nil, &fs.PathError{Op: "open", Path: at, Err: fs.ErrNotExist}
}

// at finds a subvolume by its path in the pool, nil when there is none.
func (f *Fake) at(rel string) *volume {
	if v := f.shares[rel]; v != nil {
		return v
	}
	for _, s := range f.sources {
		if rel == s.Path() {
			return f.volumes[s.UUID]
		}
	}
	for _, r := range f.replicas {
		for _, s := range r.snapshots {
			if rel == path.Join(r.path, s.Dir, "data") {
				return f.volumes[s.UUID]
			}
		}
	}
	return nil
}

// call does what a method does, with the lock held, unless ctx or a fault is
// against it.
func call[T any](ctx context.Context, f *Fake, op Op, do func() (T, error)) (T, error) {
	var none T
	fault := f.faults.next(op)
	if err := fault.early(); err != nil {
		return none, fmt.Errorf("%s: %w", op, err)
	}
	if ctx.Err() != nil {
		return none, context.Cause(ctx)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	result, err := do()
	if lost := fault.late(); err == nil && lost != nil {
		return none, fmt.Errorf("%s: %w", op, lost)
	}
	return result, err
}

// checkShareName has the rules of [btrfs.Pool.Share].
func checkShareName(name string) error {
	if !fs.ValidPath(name) || name == "." || slices.Index(strings.Split(name, "/"), btrfs.DirName) == 0 {
		return fs.ErrInvalid
	}
	return nil
}
