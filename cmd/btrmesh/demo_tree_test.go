package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// sampleTree makes a small tree with one of each kind that needs no privilege.
func sampleTree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{"empty", "docs/deep"} {
		must(t, os.MkdirAll(filepath.Join(dir, d), 0o755))
	}
	for name, text := range map[string]string{"a": "alpha", "docs/b": strings.Repeat("b", 5000), "docs/deep/c": ""} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o640))
	}
	must(t, os.Symlink("../a", filepath.Join(dir, "docs/link")))
	must(t, os.Link(filepath.Join(dir, "a"), filepath.Join(dir, "docs/z")))
	must(t, unix.Mkfifo(filepath.Join(dir, "pipe"), 0o600))
	must(t, os.Chmod(filepath.Join(dir, "docs"), 0o2750))
	old := time.Date(2001, 2, 3, 4, 5, 6, 789, time.UTC)
	for _, name := range []string{"a", "docs/b", "docs", "."} {
		must(t, os.Chtimes(filepath.Join(dir, name), old, old))
	}
	return dir
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func digestOf(t *testing.T, dir string) demoDigest {
	t.Helper()
	g, err := digestTree(t.Context(), dir)
	must(t, err)
	return g
}

func namesOf(t *testing.T, tree demoTree) []string {
	t.Helper()
	var names []string
	must(t, tree.walk(t.Context(), func(rel string, _ *unix.Stat_t) error {
		names = append(names, rel)
		return nil
	}))
	return names
}

func TestDemoCopyOfATreeIsTheTree(t *testing.T) {
	from, to := sampleTree(t), t.TempDir()
	must(t, demoTree{dir: from}.fill(t.Context(), to))
	if got, want := digestOf(t, to), digestOf(t, from); got != want {
		t.Errorf("the copy has digest %v, the tree %v", got, want)
	}
	a, err := os.Stat(filepath.Join(to, "a"))
	must(t, err)
	if z, err := os.Stat(filepath.Join(to, "docs/z")); err != nil || !os.SameFile(a, z) {
		t.Errorf("two names of one file became two files (%v)", err)
	}
}

func TestDemoTreeEndsAtItsLimit(t *testing.T) {
	got := namesOf(t, demoTree{dir: sampleTree(t), limit: 100})
	if want := []string{".", "a", "docs"}; !slices.Equal(got, want) {
		t.Errorf("walked %q, want %q", got, want)
	}
}

func TestDemoTreeLeavesTheDemoOut(t *testing.T) {
	dir := sampleTree(t)
	st, err := lstat(filepath.Join(dir, "docs"))
	must(t, err)
	got := namesOf(t, demoTree{dir: dir, skip: inodeOf(st)})
	if want := []string{".", "a", "empty", "pipe"}; !slices.Equal(got, want) {
		t.Errorf("walked %q, want %q", got, want)
	}
}

func TestDemoTreeForgivesWhatGoesAway(t *testing.T) {
	dir := sampleTree(t)
	err := demoTree{dir: dir}.walk(t.Context(), func(rel string, _ *unix.Stat_t) error {
		if rel == "a" {
			must(t, os.RemoveAll(filepath.Join(dir, "docs")))
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestDemoTreeThatIsNotThereIsAnError(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "gone")
	if _, err := digestTree(t.Context(), gone); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("its digest ended with %v", err)
	}
	if _, err := chooseTree(gone); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("choosing it ended with %v", err)
	}
	file := filepath.Join(sampleTree(t), "a")
	if _, err := chooseTree(file); !errors.Is(err, unix.ENOTDIR) {
		t.Errorf("choosing a file ended with %v", err)
	}
}

func TestDemoMeasuresWhatItCopies(t *testing.T) {
	size, err := demoTree{dir: sampleTree(t)}.measure(t.Context(), time.Minute)
	must(t, err)
	if want := (demoSize{paths: 10, bytes: 5010}); size != want {
		t.Errorf("got %+v, want %+v", size, want)
	}
	_, err = demoTree{dir: sampleTree(t)}.measure(t.Context(), 0)
	if !errors.Is(err, errTooLong) {
		t.Errorf("without patience it ended with %v", err)
	}
}

func TestDemoCopyEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (demoTree{dir: sampleTree(t)}).fill(ctx, t.TempDir()); !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
}

func TestDemoDigestSeesEveryDifference(t *testing.T) {
	later := time.Date(2001, 2, 3, 4, 5, 6, 790, time.UTC)
	in := func(dir, name string) string { return filepath.Join(dir, name) }
	for name, change := range map[string]func(dir string) error{
		"content": func(dir string) error {
			info, err := os.Stat(in(dir, "a"))
			if err != nil {
				return err
			}
			return errors.Join(os.WriteFile(in(dir, "a"), []byte("alphA"), 0o640), os.Chtimes(in(dir, "a"), time.Time{}, info.ModTime()))
		},
		"mode":             func(dir string) error { return os.Chmod(in(dir, "a"), 0o600) },
		"mtime":            func(dir string) error { return os.Chtimes(in(dir, "a"), time.Time{}, later) },
		"mtime of the top": func(dir string) error { return os.Chtimes(dir, time.Time{}, later) },
		"name":             func(dir string) error { return keepTimes(dir, os.Rename(in(dir, "empty"), in(dir, "emptY"))) },
		"missing":          func(dir string) error { return keepTimes(dir, os.Remove(in(dir, "pipe"))) },
		"symlink": func(dir string) error {
			return keepTimes(in(dir, "docs"), errors.Join(os.Remove(in(dir, "docs/link")), os.Symlink("../b", in(dir, "docs/link"))))
		},
		"link become a copy": func(dir string) error {
			return errors.Join(os.Remove(in(dir, "docs/z")), copyFile(in(dir, "a"), in(dir, "docs/z")), keepTimes(in(dir, "docs"), nil))
		},
		"attribute": func(dir string) error { return unix.Setxattr(in(dir, "a"), "user.demo", []byte("x"), 0) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := sampleTree(t)
			before := digestOf(t, dir)
			must(t, change(dir))
			if after := digestOf(t, dir); after.sum == before.sum {
				t.Error("the digest is the same")
			}
		})
	}
}

// keepTimes puts back the mtime that sampleTree gave to dir.
func keepTimes(dir string, err error) error {
	old := time.Date(2001, 2, 3, 4, 5, 6, 789, time.UTC)
	return errors.Join(err, os.Chtimes(dir, old, old))
}

// copyFile copies content, mode and mtime.
func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(to, content, info.Mode()), os.Chtimes(to, time.Time{}, info.ModTime()))
}
