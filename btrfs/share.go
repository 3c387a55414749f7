package btrfs

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Share is a subvolume under a pool's path that can be replicated.
type Share struct {
	Name       string // path relative to the pool's path: "photos", "home/ann"
	ID         uint64
	UUID       UUID
	Generation uint64   // as of the last commit; see [Pool.Generation]
	ReadOnly   bool     // a snapshot or a replica rather than a share
	Referenced int64    // bytes its quota group counts; -1 without quotas
	Nested     []string // subvolumes inside, relative to Name; a replica lacks them
}

// Shares lists the writable subvolumes under the pool's path by name, those in
// .btrmesh excepted. The subvolume that holds the path itself is not one. When
// the pool is a mount of a subvolume, only what lies in that one is seen.
func (p *Pool) Shares(ctx context.Context) ([]Share, error) {
	const op = "list shares"
	f, paths, err := p.survey(ctx)
	if err != nil {
		return nil, fail(op, p.path, err)
	}
	used, err := referenced(p.dir, key{}, key{offset: lastFreeID})
	if err != nil {
		return nil, fail(op, p.path, err)
	}
	return sharesOf(f, paths, used), nil
}

// survey reads all subvolumes and where those under the pool's path are.
func (p *Pool) survey(ctx context.Context) (forest, map[uint64]string, error) {
	base, err := placeOf(p.dir)
	if err != nil {
		return nil, nil, err
	}
	f, err := readForest(ctx, p.dir)
	if err != nil {
		return nil, nil, err
	}
	paths, err := f.below(base, findDir(p.dir))
	return f, paths, err
}

func sharesOf(f forest, paths map[uint64]string, used map[uint64]int64) []Share {
	var shares []Share
	for id, name := range paths {
		if t := f[id]; !t.ReadOnly && !isPrivate(name) {
			shares = append(shares, shareOf(t.Subvolume, name, used))
		}
	}
	slices.SortFunc(shares, func(a, b Share) int { return cmp.Compare(a.Name, b.Name) })
	nested := slices.Sorted(maps.Values(paths))
	for i, s := range shares {
		shares[i].Nested = under(nested, s.Name)
	}
	return shares
}

func shareOf(s Subvolume, name string, used map[uint64]int64) Share {
	bytes, known := used[s.ID]
	if !known {
		bytes = -1
	}
	return Share{
		Name: name, ID: s.ID, UUID: s.UUID, Generation: s.Generation, ReadOnly: s.ReadOnly, Referenced: bytes,
	}
}

// under returns those of the sorted paths that lie below dir, relative to it.
func under(sorted []string, dir string) []string {
	var found []string
	at, _ := slices.BinarySearch(sorted, dir+"/")
	for _, p := range sorted[at:] {
		rel, ok := cutDir(p, dir)
		if !ok {
			break
		}
		found = append(found, rel)
	}
	return found
}

func isPrivate(name string) bool {
	return name == DirName || strings.HasPrefix(name, DirName+"/")
}

// Share describes the subvolume name under the pool's path, read-only ones
// too. A directory that is none gives ErrNotSubvolume, nothing there
// fs.ErrNotExist. The name must be a clean relative path outside .btrmesh, and
// no part of it may be a symbolic link.
func (p *Pool) Share(ctx context.Context, name string) (Share, error) {
	s, err := p.share(ctx, name)
	if err != nil {
		return Share{}, fail("open share", p.path+"/"+name, err)
	}
	return s, nil
}

func (p *Pool) share(ctx context.Context, name string) (Share, error) {
	dir, err := p.openShare(name)
	if err != nil {
		return Share{}, err
	}
	defer dir.Close() //nolint:errcheck // opened for reading
	info, err := Info(dir)
	if err != nil {
		return Share{}, errors.Unwrap(err)
	}
	used, err := referenced(p.dir, key{offset: info.ID}, key{offset: info.ID})
	if err != nil {
		return Share{}, err
	}
	s := shareOf(info, name, used)
	s.Nested, err = nested(ctx, p.dir, info.ID)
	return s, err
}

func (p *Pool) openShare(name string) (*os.File, error) {
	if err := checkShareName(name); err != nil {
		return nil, err
	}
	return openBeneath(p.dir, name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
}

func checkShareName(name string) error {
	switch {
	case name == "" || name == ".":
		return fmt.Errorf("the top of a pool cannot be a share: %w", fs.ErrInvalid)
	case !isCleanRelative(name):
		return fmt.Errorf("the name is not a clean path below the pool: %w", fs.ErrInvalid)
	case isPrivate(name):
		return fmt.Errorf("what is in %s cannot be a share: %w", DirName, fs.ErrInvalid)
	}
	return nil
}

// isCleanRelative is false for what could lead out of a directory.
func isCleanRelative(name string) bool {
	return path.Clean(name) == name && !path.IsAbs(name) && name != ".." &&
		!strings.HasPrefix(name, "../") && !strings.Contains(name, "\x00")
}

// nested returns the paths of all subvolumes in the subvolume id, sorted.
func nested(ctx context.Context, fs *os.File, id uint64) ([]string, error) {
	var paths []string
	find := findDir(fs)
	todo := []place{{tree: id}}
	for len(todo) > 0 {
		at := todo[0]
		todo = todo[1:]
		inside, err := children(ctx, fs, at, find)
		if err != nil {
			return nil, err
		}
		for _, c := range inside {
			paths = append(paths, c.path)
		}
		todo = append(todo, inside...)
	}
	slices.Sort(paths)
	return paths, nil
}

// children returns the subvolumes directly in the one of at, with paths that
// continue its path.
func children(ctx context.Context, fs *os.File, at place, find dirPath) ([]place, error) {
	var found []place
	for it, err := range search(fs, treeRoots, key{at.tree, typeRootRef, 0}, key{at.tree, typeRootRef, ^uint64(0)}) {
		if err != nil {
			return nil, err
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		var t tree
		t.readRootRef(at.tree, it.data)
		dir, err := find(inode{at.tree, t.dir})
		if errors.Is(err, unix.ENOENT) || !t.linked {
			continue
		}
		if err != nil {
			return nil, err
		}
		found = append(found, place{it.offset, path.Join(at.path, dir, t.name)})
	}
	return found, nil
}

// referenced reads the bytes that the quota groups of subvolumes count, by
// subvolume id. Without quotas there are none.
func referenced(fs *os.File, first, last key) (map[uint64]int64, error) {
	first.kind, last.kind = typeQgroupInfo, typeQgroupInfo
	used := make(map[uint64]int64)
	for it, err := range search(fs, treeQuota, first, last) {
		if errors.Is(err, unix.ENOENT) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		// struct btrfs_qgroup_info_item: generation, rfer, …
		if it.kind == typeQgroupInfo && len(it.data) >= 16 {
			used[it.offset] = int64(binary.LittleEndian.Uint64(it.data[8:]))
		}
	}
	return used, nil
}
