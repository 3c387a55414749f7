package btrfs

import (
	"encoding/binary"
	"errors"
	"math"
	"testing"
)

func TestKeysAreOrderedAsAWhole(t *testing.T) {
	sorted := []key{{1, 0, 0}, {1, 0, math.MaxUint64}, {1, 1, 0}, {1, 255, math.MaxUint64}, {2, 0, 0}, {math.MaxUint64, 255, math.MaxUint64}}
	for i, a := range sorted {
		for j, b := range sorted {
			if a.less(b) != (i < j) {
				t.Errorf("%v < %v is %v", a, b, a.less(b))
			}
		}
	}
	for _, pair := range [][2]int{{1, 2}, {3, 4}} {
		if next, ok := sorted[pair[0]].next(); !ok || next != sorted[pair[1]] {
			t.Errorf("after %v comes %v (%v)", sorted[pair[0]], next, ok)
		}
	}
	if next, ok := lastKey().next(); ok {
		t.Errorf("after the last key comes %v", next)
	}
}

// header appends the header of an item as the kernel writes it.
func header(b []byte, k key, size uint32) []byte {
	b = binary.NativeEndian.AppendUint64(b, 99)
	b = binary.NativeEndian.AppendUint64(b, k.id)
	b = binary.NativeEndian.AppendUint64(b, k.offset)
	b = binary.NativeEndian.AppendUint32(b, k.kind)
	return binary.NativeEndian.AppendUint32(b, size)
}

func TestItemsOfASearchAreCutApart(t *testing.T) {
	first, second := key{1, 2, 3}, key{4, 5, 6}
	buf := append(header(nil, first, 3), "abc"...)
	buf = header(buf, second, 0)
	var got []string
	end, ok := eachItem(buf, 2, func(it item, err error) bool {
		if err != nil || it.transID != 99 {
			t.Errorf("item %+v, error %v", it, err)
		}
		got = append(got, string(it.data))
		return true
	})
	if !ok || end != second || len(got) != 2 || got[0] != "abc" || got[1] != "" {
		t.Errorf("items are %q up to %v (%v)", got, end, ok)
	}
}

func TestCutSearchBufferIsAnError(t *testing.T) {
	for name, buf := range map[string][]byte{
		"no header": make([]byte, 31),
		"no data":   append(header(nil, key{1, 2, 3}, 4), "abc"...),
		"huge size": header(nil, key{1, 2, 3}, math.MaxUint32),
	} {
		var last error
		if _, ok := eachItem(buf, 1, func(_ item, err error) bool { last = err; return true }); ok || !errors.Is(last, errShortItem) {
			t.Errorf("%s: error is %v (%v)", name, last, ok)
		}
	}
}
