//go:build root

package receive_test

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// sizes are around those of blocks, of compressed extents, and of the pieces of
// a stream.
func (p planter) sizes() {
	for _, size := range []int{1, 2000, 2048, 2049, 4096, 8192, 48 << 10, 64 << 10, 128 << 10, 144 << 10, 256 << 10, 1 << 20} {
		for _, more := range []int{-1, 0, 1} {
			p.write(fmt.Sprint("text ", size+more), text(size, size+more))
			p.write(fmt.Sprint("noise ", size+more), noise(size, size+more))
		}
	}
	half := append(noise(1, 300_000), text(1, 300_000)...)
	p.write("half", half)
	p.write("zeros", make([]byte, 500_000))
}

func (p planter) holes() {
	p.edit("nothing but", truncate(1<<20))
	p.edit("start", put(text(1, 5000), 1<<20))
	p.edit("middle", put(text(1, 5000), 0), put(text(2, 5000), 1<<20))
	p.edit("end", put(text(1, 5000), 0), truncate(1<<20))
	p.edit("end within a block", put(noise(1, 5000), 0), truncate(8000))
	p.edit("small end", put(text(1, 100), 0), truncate(3000))
	p.edit("small end, then blocks", put(text(1, 100), 0), truncate(30_000))
	p.edit("one byte far out", put([]byte{1}, 1<<25))
	p.edit("end far out", put(text(1, 10), 0), truncate(1<<25+1))
	p.edit("punched", put(noise(2, 400_000), 0), allocate(keepSize|unix.FALLOC_FL_PUNCH_HOLE, 100_000, 100_000))
	p.edit("punched at both ends", put(text(2, 400_000), 0),
		allocate(keepSize|unix.FALLOC_FL_PUNCH_HOLE, 0, 131_072), allocate(keepSize|unix.FALLOC_FL_PUNCH_HOLE, 300_000, 200_000))
	var comb []func(*os.File) error
	for i := range 60 {
		comb = append(comb, put(text(i, 4096), int64(i)*8192))
	}
	p.edit("comb", comb...)
	p.edit("cut short", put(noise(3, 300_000), 0), truncate(100_001))
	p.edit("cut short and long again", put(noise(3, 300_000), 0), truncate(100_001), truncate(300_000))
	p.edit("emptied", put(text(1, 300_000), 0), truncate(0))
}

// reserved has extents that were never written, of which nothing is sent.
func (p planter) reserved() {
	p.edit("all", allocate(0, 0, 1<<20))
	p.edit("behind the end", put(text(1, 5000), 0), allocate(keepSize, 0, 1<<20))
	p.edit("behind an empty file", allocate(keepSize, 0, 1<<20))
	p.edit("start", allocate(0, 0, 200_000), put(noise(1, 5000), 190_000))
	p.edit("middle", put(noise(1, 50_000), 0), allocate(0, 50_000, 100_000), put(noise(2, 50_000), 150_000))
	p.edit("end", put(noise(1, 50_000), 0), allocate(0, 50_000, 100_000))
	p.edit("written in pieces", allocate(0, 0, 1<<20), put(noise(1, 10_000), 100_000), put(noise(2, 10_000), 300_000))
	p.edit("written whole", allocate(0, 0, 1<<20), put(noise(1, 1<<20), 0))
	p.edit("zeroed", put(noise(1, 400_000), 0), allocate(unix.FALLOC_FL_ZERO_RANGE, 50_000, 200_001))
}

// tails are files that grew within the block of a small extent, which compressed
// streams of the kernel cut.
func (p planter) tails() {
	for _, size := range []int64{1, 413, 2000, 4000} {
		for _, grown := range []int64{size + 1, 4096, 4097, 50_000} {
			name := fmt.Sprintf("%d to %d", size, grown)
			p.edit(name, put(text(int(size), int(size)), 0), allocate(0, size, grown-size))
			p.edit(name+" and written", put(text(int(size), int(size)), 0), allocate(0, size, grown-size), put([]byte("x"), grown-1))
			p.edit(name+" by a hole", put(text(int(size), int(size)), 0), truncate(grown))
		}
	}
}

// bookends are parts of extents, left by what was written over them.
func (p planter) bookends() {
	for name, fill := range map[string]func(seed, size int) []byte{"text": text, "noise": noise} {
		p.edit(name+" within", put(fill(1, 512<<10), 0), put(fill(2, 8192), 40_960))
		p.edit(name+" front", put(fill(1, 128<<10), 0), put(fill(2, 65_536), 0))
		p.edit(name+" back", put(fill(1, 128<<10), 0), put(fill(2, 65_536), 65_536))
		p.edit(name+" unaligned", put(fill(1, 400_000), 0), put(fill(2, 77_777), 33_333), put(fill(3, 10), 200_000))
		p.edit(name+" end", put(fill(1, 128<<10), 0), put(fill(2, 50_000), 100_000))
		p.edit(name+" cut", put(fill(1, 128<<10), 0), truncate(70_000))
		p.edit(name+" appended", put(fill(1, 1000), 0), put(fill(2, 1000), 1000), put(fill(3, 100_000), 2000))
		p.edit(name+" again and again", put(fill(1, 256<<10), 0), put(fill(2, 200<<10), 8192), put(fill(3, 100<<10), 16_384), put(fill(4, 4096), 24_576))
	}
}

func (p planter) reflinks() {
	for _, kind := range []string{"text", "noise"} {
		fill := map[string]func(seed, size int) []byte{"text": text, "noise": noise}[kind]
		at := func(name string) string { return kind + " " + name }
		p.edit(at("early"), truncate(1<<20)) // gets its blocks from a younger file
		p.edit(at("source"), put(fill(1, 1<<20), 0))
		p.clone(at("source"), 0, at("early"), 0, 0)
		for i := range 5 {
			p.clone(at("source"), 0, at(fmt.Sprint("copy ", i)), 0, 0)
		}
		p.clone(at("source"), 0, at("front"), 0, 300<<10)
		p.clone(at("source"), 300<<10, at("back"), 0, 0)
		p.clone(at("source"), 128<<10, at("elsewhere"), 1<<20, 256<<10)
		p.clone(at("source"), 64<<10, at("rotated"), 0, 512<<10)
		p.clone(at("source"), 0, at("rotated"), 512<<10, 64<<10)
		p.clone(at("copy 1"), 4096, at("copy of a copy"), 4096, 8192)
		p.edit(at("within"), put(fill(2, 256<<10), 0))
		p.clone(at("within"), 0, at("within"), 512<<10, 256<<10)
		p.clone(at("within"), 8192, at("within"), 1<<20, 4096)
		p.edit(at("copy 2"), put(fill(3, 5000), 100_000))
		p.edit(at("source"), put(fill(4, 100), 700_000))
	}
}

// oddClones share what ends within a block, lies behind an end, comes from what
// is no longer there, or was never written.
func (p planter) oddClones() {
	p.edit("odd", put(noise(1, 100_001), 0))
	p.clone("odd", 0, "odd copy", 0, 0)
	p.clone("odd", 0, "odd copy, longer", 0, 0)
	p.edit("odd copy, longer", put(text(1, 50_000), 150_000))
	p.clone("odd", 0, "odd copy, shorter", 0, 0)
	p.edit("odd copy, shorter", truncate(70_003))
	p.edit("source, cut", put(noise(2, 300_000), 0))
	p.clone("source, cut", 0, "of what was cut", 0, 0)
	p.edit("source, cut", truncate(10_000))
	p.edit("source, gone", put(text(3, 300_000), 0))
	p.clone("source, gone", 0, "orphan 1", 0, 0)
	p.clone("source, gone", 65_536, "orphan 2", 0, 65_536)
	must(p.t, os.Remove(p.at("source, gone")))
	p.edit("reserved", allocate(0, 0, 400_000), put(noise(4, 50_000), 100_000))
	p.clone("reserved", 0, "of reserved", 0, 0)
	p.write("small", text(5, 100))
	p.clone("small", 0, "of small", 0, 0)
	p.edit("with a hole", put(noise(6, 100_000), 0), put(noise(7, 100_000), 1<<20))
	p.clone("with a hole", 0, "of one with a hole", 0, 0)
	for i := range 1100 { // more than the kernel looks through
		p.clone("odd", 0, fmt.Sprint("one of many ", i%20), int64(i/20)*8192, 8192)
	}
}
