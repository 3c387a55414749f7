//go:build root

package btrfstest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
)

func TestMutateIsDeterministicAndDoesAllItCan(t *testing.T) {
	pool := NewPool(t, PoolOptions{})
	done := map[string]int{}
	var trees [2]Tree
	for i, name := range []string{"a", "b"} {
		dir := makeShare(t, pool, name)
		m, err := newMutator(dir, 42)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.run(2000); err != nil {
			t.Fatal(err)
		}
		if err := flatten(dir); err != nil {
			t.Fatal(err)
		}
		if trees[i] = mustDigest(t, dir); trees[i].Len() != len(m.nodes)+1 {
			t.Errorf("%d paths on disk, the mutator knows %d", trees[i].Len(), len(m.nodes)+1)
		}
		done = m.done
	}
	if diff := Diff(trees[0], trees[1]); diff != "" {
		t.Errorf("one seed, two trees:\n%s", diff)
	}
	for _, op := range operations() {
		if done[op.name] == 0 {
			t.Errorf("%q was never done", op.name)
		}
	}
}

func TestMutateContinuesATreeAndSeedsDiffer(t *testing.T) {
	pool := NewPool(t, PoolOptions{})
	sums := map[string]bool{}
	for i, seeds := range [][]uint64{{1, 2}, {1, 3}, {4}} {
		dir := makeShare(t, pool, string(rune('a'+i)))
		for _, seed := range seeds {
			if err := Mutate(dir, seed, 200); err != nil {
				t.Fatal(err)
			}
		}
		if err := flatten(dir); err != nil {
			t.Fatal(err)
		}
		sums[mustDigest(t, dir).Sum()] = true
	}
	if len(sums) != 3 {
		t.Errorf("%d different trees, want 3", len(sums))
	}
}

func TestMutateEndsOnAFullPool(t *testing.T) {
	pool := NewPool(t, PoolOptions{Size: 1 << 28})
	dir := makeShare(t, pool, "full")
	if err := Fill(dir, 1<<20, 1<<20, 1<<20, 1); !isNoSpace(err) {
		t.Fatalf("fill: %v", err)
	}
	if err := Mutate(dir, 1, 1e6); !isNoSpace(err) {
		t.Errorf("mutate: %v", err)
	}
}

func isNoSpace(err error) bool { return errors.Is(err, unix.ENOSPC) }

func TestMutateRootMarksTheRootForAllToInherit(t *testing.T) {
	dir := makeShare(t, NewPool(t, PoolOptions{}), "share")
	if err := MutateRoot(dir, 1); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "heir"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	names, err := attributeNames(filepath.Join(dir, "heir"))
	if err != nil || len(names) != 2 {
		t.Errorf("inherited %q, %v", names, err)
	}
}

// The digest and the mutator against the receiver everybody has. It is known to
// leave another mtime on the root at times, and nothing else.
func TestProgsCopyAMutatedTreeButForTheTimeOfItsRoot(t *testing.T) {
	pool := NewPool(t, PoolOptions{Mount: "compress=zstd"})
	dir := makeShare(t, pool, "share")
	if err := Mutate(dir, 5, 1500); err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(pool.Path(), "copied")
	script := `btrfs subvolume snapshot -r "$1" "$2/snap" && mkdir "$3" && btrfs send -q "$2/snap" | btrfs receive "$3"`
	if out, err := exec.Command("sh", "-c", script, "sh", dir, pool.Path(), copied).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want, got := mustDigest(t, filepath.Join(pool.Path(), "snap")), mustDigest(t, filepath.Join(copied, "snap"))
	want.entries, got.entries = want.entries[1:], got.entries[1:]
	if diff := Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestExtentsTellSharedBlocksFromCopies(t *testing.T) {
	dir := makeShare(t, NewPool(t, PoolOptions{}), "share")
	a, clone, copied := dir+"/a", dir+"/clone", dir+"/copied"
	data := make([]byte, 1<<20)
	m, err := newMutator(dir, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.source.Read(data); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		os.WriteFile(a, data, 0o644), os.WriteFile(copied, data, 0o644), os.WriteFile(clone, nil, 0o644),
		editFile(clone, os.O_RDWR, func(to *os.File, _ int64) error {
			return editFile(a, os.O_RDONLY, func(from *os.File, _ int64) error {
				return btrfs.CloneRange(to, 0, from, 0, 512<<10)
			})
		}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]int64{a: 1 << 20, clone: 512 << 10, copied: 0} {
		if got, err := Shared(a, path); err != nil || got != want {
			t.Errorf("%s shares %d bytes, want %d (%v)", filepath.Base(path), got, want, err)
		}
	}
}
