package btrfstest

import (
	"encoding/binary"
	"testing"
)

// layout gives each file its blocks as extents of one block; the same number is
// the same place.
func layout(files map[string][]uint64) Reflinks {
	r := newReflinks()
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
	r := newReflinks()
	r.add(sizedFile{"/a", blockSize + 1}, fileExtent{length: 4 * blockSize, disk: 1})
	if len(r.places) != 2 {
		t.Errorf("%d blocks, want 2", len(r.places))
	}
}

func TestExtentItemsWithoutDataAreLeftOut(t *testing.T) {
	item := func(kind byte, disk uint64) []byte {
		b := make([]byte, 53)
		b[20] = kind
		binary.LittleEndian.PutUint64(b[21:], disk)
		binary.LittleEndian.PutUint64(b[37:], 4096)
		binary.LittleEndian.PutUint64(b[45:], 8192)
		return b
	}
	for name, c := range map[string]struct {
		item   []byte
		want   fileExtent // zero: left out
		broken bool
	}{
		"written":      {item: item(1, 77), want: fileExtent{inode: 257, logical: 4096, length: 8192, disk: 77, offset: 4096}},
		"inline":       {item: item(0, 77)[:25], want: fileExtent{inode: 257, inline: true}},
		"hole":         {item: item(1, 0)},
		"preallocated": {item: item(2, 77)},
		"cut":          {item: item(1, 77)[:20], broken: true},
	} {
		e, has, err := decodeExtent(257, 4096, c.item)
		if has != (c.want != fileExtent{}) || (err != nil) != c.broken {
			t.Errorf("%s: has data: %v, error %v", name, has, err)
		}
		if has && e != c.want {
			t.Errorf("%s: %+v, want %+v", name, e, c.want)
		}
	}
}
