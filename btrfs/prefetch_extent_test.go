package btrfs

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// regularItem is a regular extent of 8 KiB at 4 KiB of file 257.
func regularItem(change func(b []byte)) item {
	b := make([]byte, 53)
	binary.LittleEndian.PutUint64(b, 7)          // generation
	b[20] = 1                                    // regular
	binary.LittleEndian.PutUint64(b[21:], 1<<20) // where on the disk
	binary.LittleEndian.PutUint64(b[29:], 8<<10) // length there
	binary.LittleEndian.PutUint64(b[45:], 8<<10) // length in the file
	change(b)
	return item{key: key{257, 108, 4 << 10}, data: b}
}

func TestExtentsWithContentOnTheDiskAreTold(t *testing.T) {
	plain := dataExtent{inode: 257, offset: 4 << 10, length: 8 << 10, generation: 7}
	packed := plain
	packed.compressed = true
	for name, c := range map[string]struct {
		change func(b []byte)
		want   dataExtent
		ok     bool
	}{
		"plain":          {func([]byte) {}, plain, true},
		"compressed":     {func(b []byte) { b[16] = 3 }, packed, true},
		"inside a leaf":  {func(b []byte) { b[20] = 0 }, dataExtent{}, false},
		"set aside":      {func(b []byte) { b[20] = 2 }, dataExtent{}, false},
		"hole":           {func(b []byte) { clear(b[21:29]) }, plain, false},
		"without length": {func(b []byte) { clear(b[45:]) }, dataExtent{}, false},
		"endless":        {func(b []byte) { binary.LittleEndian.PutUint64(b[45:], math.MaxInt64) }, dataExtent{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := dataExtentOf(regularItem(c.change))
			if ok != c.ok || ok && got != c.want {
				t.Errorf("extent %+v, %v", got, ok)
			}
		})
	}
}

func TestItemsThatAreNoExtentsAreNotTakenForOne(t *testing.T) {
	other, short := regularItem(func([]byte) {}), regularItem(func([]byte) {})
	other.kind = 1
	short.data = short.data[:52]
	for _, it := range []item{other, short, {}} {
		if e, ok := dataExtentOf(it); ok {
			t.Errorf("kind %d of %d bytes is %+v", it.kind, len(it.data), e)
		}
	}
}

func TestExtentIsCutIntoPiecesThatMakeItUp(t *testing.T) {
	e := dataExtent{inode: 1, offset: 10, length: 25}
	want := []dataExtent{{inode: 1, offset: 10, length: 10}, {inode: 1, offset: 20, length: 10}, {inode: 1, offset: 30, length: 5}}
	if diff := cmp.Diff(want, slices.Collect(e.cut(10)), cmp.AllowUnexported(dataExtent{})); diff != "" {
		t.Errorf("want - got +:\n%s", diff)
	}
	for range e.cut(10) {
		break
	}
}
