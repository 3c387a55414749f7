package receive

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestDeviceNumbersAreUnpackedAsTheKernelPacksThem(t *testing.T) {
	for packed, want := range map[uint64][2]uint32{
		0x103:      {1, 3},       // null
		0x800:      {8, 0},       // sda
		0x10300000: {0, 0x10300}, // a minor of more than 8 bits
		0x12345678: {0x456, 0x12378},
		0xffffffff: {0xfff, 0xfffff},
	} {
		dev := device(packed)
		if got := [2]uint32{unix.Major(dev), unix.Minor(dev)}; got != want {
			t.Errorf("device(%#x) = %#x, want %#x", packed, got, want)
		}
	}
}

func TestPathsAreSplitAtTheLastComponent(t *testing.T) {
	for path, want := range map[string][2]string{
		"":      {"", "."},
		"a":     {"", "a"},
		"a/b/c": {"a/b", "c"},
	} {
		parent, name := split(path)
		if got := [2]string{parent, name}; got != want {
			t.Errorf("split(%q) = %q, want %q", path, got, want)
		}
	}
}

func TestOnlyAppliedFlagsAreMerged(t *testing.T) {
	const compressed, immutable, noatime, nodump = 0x4, 0x10, 0x80, 0x40
	for name, c := range map[string]struct {
		have, want uint32
		sent       uint64
	}{
		"set":                 {compressed, compressed | noatime, 1 << 9},
		"clear":               {compressed | nodump, compressed, 0},
		"immutable is left":   {0, 0, 1 << 6},
		"kept though unsent":  {immutable, immutable, 0},
		"compression ignored": {0, 0, 1 << 11},
	} {
		if got := mergeFlags(c.have, c.sent); got != c.want {
			t.Errorf("%s: %#x, want %#x", name, got, c.want)
		}
	}
}
