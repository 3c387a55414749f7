package image

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
)

func TestImageIsSparseAndOfTheSizeAskedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "image")
	const size = 10 << 30
	if err := Create(path, size, ""); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Size() != size {
		t.Fatalf("size is %d (%v), want %d", info.Size(), err, size)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if used := st.Blocks * 512; !ok || used > 4<<20 {
		t.Errorf("the image takes %d bytes on disk", used)
	}
}

func TestBothSuperblocksGetUUIDAndLabel(t *testing.T) {
	path := filepath.Join(t.TempDir(), "image")
	if err := Create(path, MinSize, "photos"); err != nil {
		t.Fatal(err)
	}
	first, second := readSuper(t, path, firstSuper), readSuper(t, path, secondSuper)
	if first == second || !bytes.Equal(first[superFSID:superBytenr], second[superFSID:superBytenr]) {
		t.Error("the superblocks do not agree on the uuid")
	}
	for _, s := range []superblock{first, second} {
		if label := unix.ByteSliceToString(s[superLabel:][:labelSize]); label != "photos" {
			t.Errorf("label is %q, want photos", label)
		}
		if bytes.Equal(s[superFSID:][:uuidSize], s[superMetadataUUID:][:uuidSize]) {
			t.Error("the uuid is still that of the template")
		}
	}
}

func TestSecondRebrandKeepsTheUUIDOfTheBlocks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "image")
	if err := Create(path, MinSize, ""); err != nil {
		t.Fatal(err)
	}
	before := readSuper(t, path, firstSuper)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // read back below
	if err := rebrand(f, btrfs.UUID{1}, ""); err != nil {
		t.Fatal(err)
	}
	after := readSuper(t, path, firstSuper)
	if !bytes.Equal(before[superMetadataUUID:][:uuidSize], after[superMetadataUUID:][:uuidSize]) {
		t.Error("the blocks' uuid changed")
	}
}

func TestCreateRefusesWhatItCannotMakeAndLeavesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		size  int64
		label string
	}{
		"too small":      {MinSize - 1, ""},
		"long label":     {MinSize, strings.Repeat("x", 256)},
		"label with nul": {MinSize, "a\x00b"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "image")
			if err := Create(path, c.size, c.label); err == nil {
				t.Error("it was made")
			}
			if _, err := os.Stat(path); err == nil {
				t.Error("a file was left behind")
			}
		})
	}
}

func TestCreateKeepsAnExistingFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Create(path, MinSize, ""); err == nil {
		t.Error("it was made")
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "mine" {
		t.Errorf("the file is now %q (%v)", text, err)
	}
}

func TestRebrandRefusesWhatIsNoSuperblock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "image")
	if err := Create(path, MinSize, ""); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*superblock){
		"magic":    func(s *superblock) { s[superMagic]++ },
		"place":    func(s *superblock) { binary.LittleEndian.PutUint64(s[superBytenr:], 1) },
		"checksum": func(s *superblock) { s[superLabel]++ },
	} {
		t.Run(name, func(t *testing.T) {
			s := readSuper(t, path, firstSuper)
			spoil(&s)
			if err := s.check(firstSuper); err == nil {
				t.Error("it passed")
			}
		})
	}
}

func TestOptionsAreSplitForTheKernel(t *testing.T) {
	flags, data := splitOptions("ro,compress=zstd,noatime,nodev,nosuid,noexec,subvol=a")
	want := uintptr(unix.MS_RDONLY | unix.MS_NOATIME | unix.MS_NODEV | unix.MS_NOSUID | unix.MS_NOEXEC)
	if flags != want || data != "compress=zstd,subvol=a" {
		t.Errorf("got %#x and %q", flags, data)
	}
	if flags, data := splitOptions(""); flags != 0 || data != "" {
		t.Errorf("no options became %#x and %q", flags, data)
	}
}

func readSuper(t *testing.T, path string, at int64) superblock {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // opened for reading
	var s superblock
	if _, err := io.ReadFull(io.NewSectionReader(f, at, superSize), s[:]); err != nil {
		t.Fatal(err)
	}
	if err := s.check(at); err != nil {
		t.Fatal(err)
	}
	return s
}
