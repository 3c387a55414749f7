package btrfs

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestFullTreeBecomesAStream(t *testing.T) {
	for name, c := range map[string]struct {
		tree func(f *fakeTree)
		form fullForm
		want string
	}{
		"a directory's attributes and times come at the end": {
			func(f *fakeTree) {
				f.xattr(256, "user.top", "t")
				f.inode(257, dirMode, 0, "256/dir")
				f.xattr(257, "user.a", "1")
				f.inode(258, fileMode, 5, "257/file")
				f.xattr(258, "user.b", "2")
				f.xattr(258, "security.capability", "cap")
				f.inline(258, "hello")
			},
			fullForm{version: 1},
			`mkdir dir
			mkfile dir/file
			set_xattr dir/file user.b=2
			write dir/file at 0: hello
			set_xattr dir/file security.capability=cap
			utimes dir/file
			set_xattr  user.top=t
			utimes 
			set_xattr dir user.a=1
			utimes dir`,
		},
		"directories of higher numbers are made when they are needed": {
			func(f *fakeTree) {
				f.inode(257, fileMode, 0, "300/file", "256/link")
				f.inode(258, dirMode, 0, "299/low")
				f.inode(299, dirMode, 0, "300/mid")
				f.inode(300, dirMode, 0, "256/high")
			},
			fullForm{version: 1},
			`mkdir high
			mkfile high/file
			link link -> high/file
			utimes high/file
			mkdir high/mid
			mkdir high/mid/low
			utimes 
			utimes high/mid/low
			utimes high/mid
			utimes high`,
		},
		"what has no name is not sent": {
			func(f *fakeTree) {
				f.inode(257, fileMode, 5)
				f.inline(257, "hello")
				f.inode(258, unix.S_IFLNK|0o777, 4, "256/link")
				f.inline(258, "away")
				f.inode(259, unix.S_IFIFO|0o600, 0, "256/fifo")
			},
			fullForm{version: 1},
			`symlink link -> away
			utimes link
			mkfifo fifo
			utimes fifo
			utimes `,
		},
		"writes go by ranges, holes are left out": {
			func(f *fakeTree) {
				f.inode(257, fileMode, 300<<10, "256/file")
				f.extent(257, 0, 1<<20, 0, 8<<10, 0)
				f.extent(257, 8<<10, 2<<20, 0, 60<<10, 0)
				f.extent(257, 128<<10, 3<<20, 0, 4<<10, 0)
				f.extent(257, 200<<10, 0, 0, 4<<10, 0)
			},
			fullForm{version: 1},
			`mkfile file
			write file at 0: 49152 bytes of inode 257
			write file at 49152: 20480 bytes of inode 257
			write file at 131072: 4096 bytes of inode 257
			truncate file to 307200
			utimes file
			utimes `,
		},
		"what was sent before is cloned, part by part": {
			func(f *fakeTree) {
				f.inode(257, fileMode, 64<<10, "256/a")
				f.extent(257, 0, 1<<20, 16<<10, 64<<10, 0)
				f.inode(258, fileMode, 128<<10, "256/b")
				f.extent(258, 0, 1<<20, 0, 128<<10, 0)
			},
			fullForm{version: 1, sector: 4096},
			`mkfile a
			write a at 0: 49152 bytes of inode 257
			write a at 49152: 16384 bytes of inode 257
			utimes a
			mkfile b
			write b at 0: 16384 bytes of inode 258
			clone b at 16384: 65536 of a at 0
			write b at 81920: 49152 bytes of inode 258
			utimes b
			utimes `,
		},
		"the end of a file is cloned only to the end of another": {
			func(f *fakeTree) {
				for i, size := range []uint64{5000, 5000, 6000} {
					f.inode(257+uint64(i), fileMode, size, fmt.Sprintf("256/%d", i))
					f.extent(257+uint64(i), 0, 1<<20, 0, 8192, 0)
				}
			},
			fullForm{version: 1, sector: 4096},
			`mkfile 0
			write 0 at 0: 5000 bytes of inode 257
			utimes 0
			mkfile 1
			clone 1 at 0: 5000 of 0 at 0
			utimes 1
			mkfile 2
			clone 2 at 0: 4096 of 0 at 0
			write 2 at 4096: 1904 bytes of inode 259
			utimes 2
			utimes `,
		},
		"compressed extents go as they are where that is shorter": {
			func(f *fakeTree) {
				f.inode(257, fileMode, 128<<10, "256/file")
				f.extent(257, 0, 1<<20, 8<<10, 64<<10, 3)
				f.extent(257, 64<<10, 1<<20, 0, 2<<10, 3)
			},
			fullForm{version: 2, packed: true, sector: 4096},
			`mkfile file
			encoded_write file at 0: 4096 bytes of inode 257 for 65536 at 8192 of 131072
			write file at 65536: 2048 bytes of inode 257
			truncate file to 131072
			utimes file
			utimes `,
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeTree{}
			f.inode(256, dirMode, 0, "256/..")
			c.tree(f)
			got, err := f.streamOf(c.form)
			if err != nil {
				t.Fatal(err)
			}
			want := "subvol snapshot\n" + strings.ReplaceAll(c.want, "\t", "")
			if diff := cmp.Diff(want, strings.Join(got, "\n")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestExtentsThatWereMovedAreNotCloned(t *testing.T) {
	f := &fakeTree{}
	f.inode(256, dirMode, 0, "256/..")
	for ino := uint64(257); ino < 260; ino++ {
		f.inode(ino, fileMode, 4096, fmt.Sprintf("256/%d", ino))
		f.extent(ino, 0, 1<<20, 0, 4096, 0)
	}
	(*f)[len(*f)-1].transID = 8 // its leaf was written after the send had begun
	got, err := f.streamOf(fullForm{version: 1, sector: 4096, settled: 7})
	if err != nil {
		t.Fatal(err)
	}
	clones := 0
	for _, line := range got {
		if strings.HasPrefix(line, "clone") {
			clones++
		}
	}
	if clones != 1 {
		t.Errorf("%d clones, want that of the second file only: %q", clones, got)
	}
}

func TestDamagedTreeIsAnErrorAndStaysInside(t *testing.T) {
	for name, spoil := range map[string]func(f *fakeTree){
		"name that leads out":     func(f *fakeTree) { f.inode(258, fileMode, 0, "257/..") },
		"directory in itself":     func(f *fakeTree) { f.inode(258, dirMode, 0, "258/self"); f.inode(259, fileMode, 0, "258/file") },
		"directories in a circle": func(f *fakeTree) { f.inode(258, dirMode, 0, "259/a"); f.inode(259, dirMode, 0, "258/b") },
		"name in no directory":    func(f *fakeTree) { f.inode(258, fileMode, 0, "999/file") },
		"cut inode":               func(f *fakeTree) { f.put(258, typeInodeItem, 0, make([]byte, 100)) },
		"no inode":                func(f *fakeTree) { f.put(258, typeInodeRef, 256, append([]byte{0, 0, 0, 0, 0, 0, 0, 0, 1, 0}, 'a')) },
		"cut extent":              func(f *fakeTree) { f.inode(258, fileMode, 9, "256/a"); f.put(258, typeExtentData, 0, make([]byte, 10)) },
		"overlapping extents": func(f *fakeTree) {
			f.inode(258, fileMode, 1<<20, "256/a")
			f.extent(258, 0, 1<<20, 0, 8192, 0)
			f.extent(258, 4096, 1<<20, 0, 8192, 0)
		},
		"extent beyond all offsets": func(f *fakeTree) {
			f.inode(258, fileMode, 1<<63+4096, "256/a")
			f.extent(258, 1<<63, 1<<20, 0, 4096, 0)
		},
	} {
		f := &fakeTree{}
		f.inode(256, dirMode, 0, "256/..")
		f.inode(257, dirMode, 0, "256/dir")
		spoil(f)
		if got, err := f.streamOf(fullForm{version: 1, sector: 4096}); err == nil {
			t.Errorf("%s: no error, but %q", name, got)
		}
	}
}

// FuzzFullTree feeds items of any content: whatever comes out is what a reader
// accepts, or an error.
func FuzzFullTree(f *testing.F) {
	f.Add(uint64(1), []byte{})
	f.Add(uint64(2), make([]byte, 400))
	f.Fuzz(func(t *testing.T, seed uint64, noise []byte) {
		tree := &fakeTree{}
		tree.inode(256, dirMode, 0, "256/..")
		tree.inode(257, dirMode, 0, "256/dir")
		tree.inode(258, fileMode, 1<<20, "257/file")
		tree.extent(258, 0, 1<<20, 0, 1<<17, 3)
		tree.inode(259, fileMode, 1<<20, "260/file")
		tree.extent(259, 0, 1<<20, 0, 1<<17, 3)
		tree.inode(260, dirMode, 0, "257/late")
		random := rand.New(rand.NewPCG(seed, 0))
		for _, b := range noise {
			it := (*tree)[random.IntN(len(*tree))]
			it.data[random.IntN(len(it.data))] = b
		}
		lines, err := tree.streamOf(fullForm{version: 2, packed: true, sector: 4096})
		if err == nil && len(lines) < 2 {
			t.Errorf("no error, and only %q", lines)
		}
	})
}
