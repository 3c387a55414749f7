package btrfs

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSendIsLocatedByInodeOrByPath(t *testing.T) {
	root := t.TempDir()
	var st unix.Stat_t
	if err := os.WriteFile(filepath.Join(root, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := unix.Stat(filepath.Join(root, "file"), &st); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("file", filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/", filepath.Join(root, "out")); err != nil {
		t.Fatal(err)
	}
	dir, err := os.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close() //nolint:errcheck // opened for reading
	for name, c := range map[string]struct {
		since uint64
		seen  glimpse
		want  spot
	}{
		"nothing seen":                {5, glimpse{}, spot{}},
		"full":                        {0, glimpse{made: 300, path: "file", end: 7}, spot{300, 7}},
		"increment, new file":         {5, glimpse{made: 300}, spot{300, 0}},
		"increment, known file":       {5, glimpse{made: 300, path: "file", end: 7}, spot{st.Ino, 7}},
		"increment, no such file":     {5, glimpse{made: 300, path: "o301-9-0", end: 7}, spot{}},
		"increment, link out":         {5, glimpse{made: 300, path: "out/etc", end: 7}, spot{}},
		"increment, path that leaves": {5, glimpse{made: 300, path: "../x", end: 7}, spot{}},
	} {
		t.Run(name, func(t *testing.T) {
			p := &prefetch{snapshot: dir, since: c.since}
			for range 2 { // the second answer is remembered
				if got := p.locate(c.seen); got != c.want {
					t.Errorf("located at %v, want %v", got, c.want)
				}
			}
		})
	}
}
