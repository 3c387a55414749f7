package btrfstest

import (
	"encoding/binary"
	"testing"
)

// layout gives each file its blocks as extents of one block; the same number is
// the same place.
func layout(files map[string][]uint64) Reflinks {
	r := Reflinks{places: map[fileBlock]place{}}
	for path, extents := range files {
		for i, disk := range extents {
			at := uint64(i) * blockSize
			r.add(sizedFile{path, uint64(len(extents)) * blockSize}, fileExtent{logical: at, length: blockSize, disk: disk})
		}
	}
	return r
}

func TestUnshareNamesWhatIsNotSharedElsewhere(t *testing.T) {
	r := layout(map[string][]uint64{"/a": {1, 2, 3}, "/b": {1, 2, 4}, "/c": {5, 5}})
	if got := r.Shared(); got != 3*blockSize {
		t.Errorf("%d bytes shared, want 3 blocks", got)
	}
	for name, c := range map[string]struct {
		other map[string][]uint64
		want  string
	}{
		"same elsewhere":    {map[string][]uint64{"/a": {7, 8, 9}, "/b": {7, 8, 6}, "/c": {5, 5}}, ""},
		"more shared":       {map[string][]uint64{"/a": {7, 8, 9}, "/b": {7, 8, 9}, "/c": {7, 7}}, ""},
		"one block copied":  {map[string][]uint64{"/a": {7, 8, 9}, "/b": {7, 10, 6}, "/c": {5, 5}}, "\"/b\": 1 blocks\n"},
		"copied in itself":  {map[string][]uint64{"/a": {7, 8, 9}, "/b": {7, 8, 6}, "/c": {4, 5}}, "\"/c\": 1 blocks\n"},
		"a file is missing": {map[string][]uint64{"/a": {7, 8, 9}, "/c": {5, 5}}, "\"/b\": 2 blocks\n"},
		"holes are not one": {map[string][]uint64{"/a": {7, 8, 9}, "/b": {7, 8, 6}}, "\"/c\": 1 blocks\n"},
	} {
		if got := r.Unshare(layout(c.other)); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestBlocksBehindTheEndOfAFileDoNotCount(t *testing.T) {
	r := Reflinks{places: map[fileBlock]place{}}
	r.add(sizedFile{"/a", blockSize + 1}, fileExtent{length: 4 * blockSize, disk: 1})
	if len(r.places) != 2 {
		t.Errorf("%d blocks, want 2", len(r.places))
	}
}

func TestExtentItemsOfOtherKindsAreLeftOut(t *testing.T) {
	item := func(kind byte, disk uint64) []byte {
		b := make([]byte, 53)
		b[20] = kind
		binary.LittleEndian.PutUint64(b[21:], disk)
		binary.LittleEndian.PutUint64(b[37:], 4096)
		binary.LittleEndian.PutUint64(b[45:], 8192)
		return b
	}
	for name, c := range map[string]struct {
		item    []byte
		written bool
		broken  bool
	}{
		"written":      {item(1, 77), true, false},
		"hole":         {item(1, 0), false, false},
		"inline":       {item(0, 77)[:25], false, false},
		"preallocated": {item(2, 77), false, false},
		"cut":          {item(1, 77)[:20], false, true},
	} {
		e, written, err := decodeExtent(257, 4096, c.item)
		if written != c.written || (err != nil) != c.broken {
			t.Errorf("%s: written is %v, error %v", name, written, err)
		}
		if want := (fileExtent{257, 4096, 8192, 77, 4096}); written && e != want {
			t.Errorf("%s: %+v, want %+v", name, e, want)
		}
	}
}
