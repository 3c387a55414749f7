package btrfstest

import "testing"

func TestSharedCountsTheBlocksTwoFilesHaveInCommon(t *testing.T) {
	disk := Extent{Physical: 1 << 20, Length: 64 << 10}
	with := func(physical, length uint64, flags ExtentFlags) Extent {
		return Extent{Physical: physical, Length: length, Flags: flags}
	}
	for name, c := range map[string]struct {
		a, b Extent
		want int64
	}{
		"same":             {disk, disk, 64 << 10},
		"elsewhere":        {disk, with(2<<20, 64<<10, 0), 0},
		"touching":         {disk, with(1<<20+64<<10, 4096, 0), 0},
		"half":             {disk, with(1<<20+32<<10, 64<<10, 0), 32 << 10},
		"inline":           {with(0, 100, ExtentInline), with(0, 100, ExtentInline), 0},
		"preallocated":     {disk, with(1<<20, 64<<10, ExtentPrealloced), 0},
		"compressed":       {with(1<<20, 128<<10, ExtentEncoded), with(1<<20, 4096, ExtentEncoded), 4096},
		"compressed other": {with(1<<20, 128<<10, ExtentEncoded), with(1<<20+4096, 128<<10, ExtentEncoded), 0},
	} {
		if got := shared([]Extent{c.a}, []Extent{c.b}); got != c.want {
			t.Errorf("%s: %d shared bytes, want %d", name, got, c.want)
		}
		if got := shared([]Extent{c.b}, []Extent{c.a}); got != c.want {
			t.Errorf("%s, swapped: %d shared bytes, want %d", name, got, c.want)
		}
	}
}
