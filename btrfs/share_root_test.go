//go:build root

package btrfs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"btrmesh/btrfs"
)

func TestSharesAreTheWritableSubvolumesOutsideThePrivateDirectory(t *testing.T) {
	p := newPool(t, "")
	photos := newShare(t, p, "photos")
	newShare(t, p, "photos/2025")
	newShare(t, p, "photos/deep/in/2024")
	newShare(t, p, "photos/2025/raw")
	newShare(t, p, "home/ann")
	newShare(t, p, "photos-old")
	must(t, btrfs.CreateSnapshot(openDir(t, p.Path()), "frozen", openDir(t, filepath.Join(p.Path(), "photos")), true))
	snapshot(t, p, photos, "task")
	shares, err := p.Shares(t.Context())
	must(t, err)
	nested := make(map[string][]string)
	var names []string
	for _, s := range shares {
		names = append(names, s.Name)
		nested[s.Name] = s.Nested
		if s.Referenced != -1 || s.ReadOnly || s.UUID.IsZero() || s.Generation == 0 {
			t.Errorf("share is %+v", s)
		}
	}
	want := []string{"home/ann", "photos", "photos-old", "photos/2025", "photos/2025/raw", "photos/deep/in/2024"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("shares (-want +got):\n%s", diff)
	}
	want = []string{"2025", "2025/raw", "deep/in/2024"}
	if diff := cmp.Diff(want, nested["photos"]); diff != "" {
		t.Errorf("nested in photos (-want +got):\n%s", diff)
	}
}

func TestShareIsTheSameAloneAndInTheList(t *testing.T) {
	p := newPool(t, "")
	newShare(t, p, "a")
	newShare(t, p, "a/dir/b")
	newShare(t, p, "a/dir/b/c")
	run(t, "btrfs", "quota", "enable", p.Path())
	run(t, "btrfs", "quota", "rescan", "-w", p.Path())
	list, err := p.Shares(t.Context())
	must(t, err)
	for _, want := range list {
		got, err := p.Share(t.Context(), want.Name)
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("share (-in list +alone):\n%s", diff)
		}
	}
	if len(list) != 3 {
		t.Errorf("shares are %+v", list)
	}
}

func TestQuotaTellsWhatAShareHolds(t *testing.T) {
	p := newPool(t, "")
	newShare(t, p, "a")
	run(t, "btrfs", "quota", "enable", p.Path())
	must(t, os.WriteFile(filepath.Join(p.Path(), "a/file"), make([]byte, 5<<20), 0o600))
	must(t, p.SyncFS())
	run(t, "btrfs", "quota", "rescan", "-w", p.Path())
	s, err := p.Share(t.Context(), "a")
	must(t, err)
	if s.Referenced < 5<<20 || s.Referenced > 6<<20 {
		t.Errorf("5 MiB count as %d bytes", s.Referenced)
	}
}

func TestMountOfASubvolumeShowsWhatIsInIt(t *testing.T) {
	p := newPool(t, "")
	newShare(t, p, "outer")
	newShare(t, p, "outer/dir/inner")
	newShare(t, p, "other")
	for dir, want := range map[string][]string{
		"outer":     {"dir/inner"},
		"outer/dir": {"inner"},
		"other":     nil,
	} {
		sub := openPool(t, bind(t, filepath.Join(p.Path(), dir)))
		shares, err := sub.Shares(t.Context())
		must(t, err)
		var names []string
		for _, s := range shares {
			names = append(names, s.Name)
		}
		if diff := cmp.Diff(want, names); diff != "" {
			t.Errorf("%s (-want +got):\n%s", dir, diff)
		}
	}
}

func TestSharesFollowARename(t *testing.T) {
	p := newPool(t, "")
	newShare(t, p, "old/a")
	must(t, os.Rename(filepath.Join(p.Path(), "old"), filepath.Join(p.Path(), "new")))
	shares, err := p.Shares(t.Context())
	must(t, err)
	if len(shares) != 1 || shares[0].Name != "new/a" {
		t.Errorf("shares are %+v", shares)
	}
}

func TestDeletedShareIsGoneFromTheList(t *testing.T) {
	p := newPool(t, "")
	s := newShare(t, p, "a")
	must(t, btrfs.DeleteByID(openDir(t, p.Path()), s.ID))
	shares, err := p.Shares(t.Context())
	if err != nil || len(shares) != 0 {
		t.Errorf("shares are %+v (%v)", shares, err)
	}
}

func TestShareRefusesWhatIsNone(t *testing.T) {
	p := newPool(t, "")
	newShare(t, p, "real")
	snapshot(t, p, newShare(t, p, "other"), "task")
	must(t, os.Mkdir(filepath.Join(p.Path(), "plain"), 0o755))
	must(t, os.Symlink("real", filepath.Join(p.Path(), "link")))
	for name, want := range map[string]error{
		"plain":     btrfs.ErrNotSubvolume,
		"none":      fs.ErrNotExist,
		"link":      nil,
		"":          fs.ErrInvalid,
		".":         fs.ErrInvalid,
		"/etc":      fs.ErrInvalid,
		"..":        fs.ErrInvalid,
		"../real":   fs.ErrInvalid,
		"a/../real": fs.ErrInvalid,
		"real/":     fs.ErrInvalid,
		".btrmesh":  fs.ErrInvalid,
		".btrmesh/send/task/" + taken.Format("20060102T150405Z"): fs.ErrInvalid,
	} {
		_, err := p.Share(t.Context(), name)
		if err == nil {
			t.Errorf("%q passed for a share", name)
		} else if want != nil {
			wantError(t, err, want)
		}
	}
}

func TestReadOnlyShareSaysSo(t *testing.T) {
	p := newPool(t, "")
	newShare(t, p, "a")
	must(t, btrfs.SetReadOnly(openDir(t, filepath.Join(p.Path(), "a")), true))
	s, err := p.Share(t.Context(), "a")
	if err != nil || !s.ReadOnly {
		t.Errorf("share is %+v (%v)", s, err)
	}
}

func TestWarningsNameWhatAReplicaWillLack(t *testing.T) {
	p := newPool(t, "")
	s := newShare(t, p, "a")
	warnings, err := p.Warnings(t.Context(), s)
	if err != nil || len(warnings) != 0 {
		t.Errorf("an empty share gives %q (%v)", warnings, err)
	}
	newShare(t, p, "a/inner")
	must(t, os.Mkdir(filepath.Join(p.Path(), "a/dir"), 0o755))
	for _, flagged := range []string{"a/dir/nocow", "a/inner/elsewhere"} {
		must(t, os.WriteFile(filepath.Join(p.Path(), flagged), nil, 0o600))
		run(t, "chattr", "+C", filepath.Join(p.Path(), flagged))
	}
	swap := newSwap(t, filepath.Join(p.Path(), "a/swap"))
	warnings, err = p.Warnings(t.Context(), s)
	must(t, err)
	for _, want := range []string{"nested subvolumes are not replicated", ": inner", swap, "dir/nocow"} {
		if !slices.ContainsFunc(warnings, func(w string) bool { return strings.Contains(w, want) }) {
			t.Errorf("no warning has %q: %q", want, warnings)
		}
	}
	if slices.ContainsFunc(warnings, func(w string) bool { return strings.Contains(w, "elsewhere") }) {
		t.Errorf("a warning names what is in another subvolume: %q", warnings)
	}
}

// newSwap makes a swap file and uses it until the test ends.
func newSwap(t *testing.T, path string) string {
	t.Helper()
	must(t, os.WriteFile(path, nil, 0o600))
	run(t, "chattr", "+C", path)
	must(t, os.WriteFile(path, make([]byte, 1<<20), 0o600))
	run(t, "mkswap", path)
	run(t, "swapon", path)
	t.Cleanup(func() { run(t, "swapoff", path) })
	return path
}
