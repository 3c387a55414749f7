package state

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMirrorGivesBackWhatWasSavedLast(t *testing.T) {
	path := filepath.Join(t.TempDir(), "members")
	m := NewMirror(path)
	if got, err := m.Load(); got != nil || err != nil {
		t.Errorf("before the first: %q, %v", got, err)
	}
	for _, want := range [][][]byte{{[]byte("genesis")}, {[]byte("genesis"), []byte("admit")}, {}} {
		if err := m.Save(want); err != nil {
			t.Fatal(err)
		}
		got, err := NewMirror(path).Load()
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Error(diff, err)
		}
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("beside the mirror: %v, %v", left, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode is %v, %v", info.Mode(), err)
	}
}

func TestEveryFlippedOrLostByteOfTheMirrorIsNoticed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "members")
	m := NewMirror(path)
	if err := m.Save([][]byte{[]byte("genesis"), []byte("admit")}); err != nil {
		t.Fatal(err)
	}
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range sound {
		flipped := bytes.Clone(sound)
		flipped[i] ^= 1
		for what, bad := range map[string][]byte{"flipped": flipped, "cut": sound[:i]} {
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			if got, err := m.Load(); err == nil {
				t.Errorf("%s at %d: read as %q", what, i, got)
			}
		}
	}
}
