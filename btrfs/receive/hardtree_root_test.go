//go:build root

package receive_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// hardTrees are the trees that a full stream is most easily wrong about, each in
// a directory of its name.
func hardTrees() map[string]func(planter) {
	return map[string]func(planter){
		"links":       planter.links,
		"linksbeyond": planter.linksBeyondOneItem,
		"upsidedown":  planter.upsideDown,
		"deep":        planter.deep,
		"names":       planter.names,
		"rights":      planter.rights,
		"specials":    planter.specials,
		"xattrs":      planter.xattrs,
		"times":       planter.times,
		"sizes":       planter.sizes,
		"holes":       planter.holes,
		"reserved":    planter.reserved,
		"tails":       planter.tails,
		"bookends":    planter.bookends,
		"reflinks":    planter.reflinks,
		"odd clones":  planter.oddClones,
		"handed down": func(p planter) { inheriting(p.t, p.dir) },
	}
}

func plantHardTrees(t *testing.T, dir string) {
	t.Helper()
	for name, plant := range hardTrees() {
		p := planter{t, filepath.Join(dir, name)}
		must(t, os.Mkdir(p.dir, 0o755))
		plant(p)
	}
}

func (p planter) links() {
	p.mkdir("a")
	p.mkdir("b/c")
	p.write("a/file", text(1, 5000))
	p.link("a/file", "b/c/same")
	p.link("a/file", "top")
	p.mkdir("later")
	p.link("top", "later/first") // a directory younger than the inode
	must(p.t, os.Symlink("nowhere", p.at("symlink")))
	p.link("symlink", "b/symlink")
	must(p.t, unix.Mknod(p.at("null"), unix.S_IFCHR|0o600, 0x103))
	p.link("null", "b/null")
	p.write("gone", text(2, 300))
	p.link("gone", "b/kept")
	must(p.t, os.Remove(p.at("gone"))) // its first name is no more
	p.write("moved", text(3, 300))
	p.link("moved", "b/moved")
	p.rename("moved", "a/moved")
}

// linksBeyondOneItem needs more than one item of the tree: what does not fit
// into the reference of one directory becomes INODE_EXTREF.
func (p planter) linksBeyondOneItem() {
	p.mkdir("names")
	p.mkdir("more")
	p.write("file", text(1, 9000))
	for i := range 400 {
		name := fmt.Sprintf("%03d%s", i, strings.Repeat("n", 240))
		p.link("file", "names/"+name)
		if i%3 == 0 {
			p.link("file", "more/"+name)
		}
	}
	must(p.t, os.Remove(p.at("file")))
}

// upsideDown has directories of higher numbers than what is in them.
func (p planter) upsideDown() {
	p.write("a file", text(1, 3000))
	for i := range 6 {
		p.mkdir(fmt.Sprint(i))
		p.write(fmt.Sprintf("%d/file", i), text(i, 3000))
		p.write(fmt.Sprintf("loose %d", i), text(10+i, 300))
	}
	for i := range 5 {
		p.rename(fmt.Sprint(i), fmt.Sprintf("%d/%d", i+1, i))
		p.rename(fmt.Sprintf("loose %d", i), fmt.Sprintf("%d/loose", i+1))
	}
	p.mkdir("youngest")
	p.rename("5", "youngest/5")
	p.rename("a file", "youngest/5/4/oldest")
	must(p.t, os.Symlink("to", p.at("symlink")))
	p.mkdir("empty")
	p.rename("symlink", "empty/symlink")
	p.mkdir("swapped/inner")
	p.rename("swapped/inner", "inner")
	p.rename("swapped", "inner/swapped")
}

// deep has paths of almost PATH_MAX, some of whose directories are younger than
// what is in them.
func (p planter) deep() {
	part, path := strings.Repeat("d", 250), ""
	for range 13 {
		path = filepath.Join(path, part)
		p.mkdir(path)
		p.write(filepath.Join(path, "file"), text(len(path), 100))
	}
	p.mkdir("young")
	p.rename(part, "young/"+part)
	p.link("young/"+path+"/file", "young/"+path+"/link")
	p.link("young/"+path+"/file", "short")
}

func (p planter) names() {
	for i, name := range []string{
		"\xff\xfe", "new\nline", "-rf", "...", " ", "\\", "\"quoted\"", "o257-9-0", "o300-5-0", strings.Repeat("n", 255),
		strings.Repeat("\xc3", 255), "\x01\x7f", "näme",
	} {
		p.write(name, text(i, 200))
		p.mkdir("in " + name[:min(len(name), 250)])
		p.write("in "+name[:min(len(name), 250)]+"/"+name, text(i, 100))
	}
}

// rights are modes, owners, and what hangs on both: a change of owner takes
// setuid and capabilities away, and a write takes capabilities.
func (p planter) rights() {
	for i, mode := range []uint32{0, 0o777, 0o4755, 0o2755, 0o6711, 0o1777, 0o4000} {
		for _, kind := range []string{"file", "dir"} {
			path := p.at(fmt.Sprintf("%s %o", kind, mode))
			if kind == "file" {
				must(p.t, os.WriteFile(path, text(i, 1000*i), 0o644))
			} else {
				must(p.t, os.Mkdir(path, 0o700))
				must(p.t, os.WriteFile(filepath.Join(path, "in"), nil, 0o600))
				must(p.t, os.Mkdir(filepath.Join(path, "sub"), 0o711))
			}
			must(p.t, os.Chown(path, 1000*(i%2), 4_000_000_000))
			must(p.t, unix.Chmod(path, mode))
		}
	}
	capability := []byte{1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	for name, size := range map[string]int{"capable": 5000, "capable, empty": 0, "capable, inline": 50} {
		p.write(name, text(size, size))
		must(p.t, os.Chown(p.at(name), 1000, 1000))
		must(p.t, unix.Chmod(p.at(name), 0o4755))
		must(p.t, unix.Setxattr(p.at(name), "security.capability", capability, 0))
		must(p.t, unix.Setxattr(p.at(name), "user.before", []byte("x"), 0))
	}
	must(p.t, os.Symlink("x", p.at("symlink")))
	must(p.t, os.Lchown(p.at("symlink"), 1000, 1001))
}

func (p planter) specials() {
	for i, kind := range []uint32{unix.S_IFCHR, unix.S_IFBLK, unix.S_IFIFO, unix.S_IFSOCK} {
		for _, mode := range []uint32{0, 0o666, 0o4755} {
			path := p.at(fmt.Sprintf("%o %o", kind, mode))
			must(p.t, unix.Mknod(path, kind|mode&0o777, int(unix.Mkdev(uint32(4095-i), 1<<20-1))))
			must(p.t, errors.Join(os.Lchown(path, i, 1000), unix.Chmod(path, mode)))
			must(p.t, unix.Lsetxattr(path, "trusted.x", []byte(path), 0))
		}
	}
	for _, size := range []int{1, 100, 4000} {
		must(p.t, os.Symlink(strings.Repeat("x", size-1)+"\xff", p.at(fmt.Sprint("symlink ", size))))
	}
	must(p.t, unix.Lsetxattr(p.at("symlink 1"), "trusted.x", []byte("y"), 0))
	must(p.t, os.Symlink(p.dir, p.at("symlink out")))
}

// xattrs has values of up to what a leaf holds, empty ones, and many.
func (p planter) xattrs() {
	p.write("file", text(1, 200))
	p.mkdir("dir/sub")
	p.write("dir/file", nil)
	for _, name := range []string{"file", "dir"} {
		for i := range 60 {
			must(p.t, unix.Setxattr(p.at(name), fmt.Sprint("user.", i), text(i, i*30), 0))
		}
		must(p.t, unix.Setxattr(p.at(name), "user.large", noise(1, 15000), 0))
		must(p.t, unix.Setxattr(p.at(name), "user."+strings.Repeat("n", 250), []byte("\x00\xff"), 0))
		must(p.t, unix.Setxattr(p.at(name), "system.posix_acl_access", someACL, 0))
	}
	must(p.t, unix.Setxattr(p.at("dir"), "system.posix_acl_default", someACL, 0))
	for name, value := range map[string]string{"zlib": "zlib", "none": "none", "zstd": "zstd"} {
		p.mkdir(name)
		must(p.t, unix.Setxattr(p.at(name), "btrfs.compression", []byte(value), 0))
		p.write(name+"/took it", text(1, 70000))
		p.mkdir(name + "/sub")
		p.write("later", text(2, 70000))
		p.rename("later", name+"/did not")
	}
}

func (p planter) times() {
	for i, at := range []time.Time{time.Unix(0, 0), time.Unix(-1, 999_999_999), time.Unix(5e9, 1), time.Unix(1e9, 123_456_789)} {
		dir, file := fmt.Sprint("dir ", i), fmt.Sprintf("dir %d/file", i)
		p.mkdir(dir)
		p.write(file, text(i, 100))
		must(p.t, os.Chtimes(p.at(file), at, at))
		must(p.t, os.Chtimes(p.at(dir), at, at))
	}
	for i := range 300 { // more directories than a receiver holds open
		p.mkdir(fmt.Sprint("many/", i))
		p.write(fmt.Sprintf("many/%d/file", i), nil)
	}
	for i := range 300 {
		must(p.t, os.Chtimes(p.at(fmt.Sprint("many/", i)), time.Unix(int64(i), 5), time.Unix(int64(i), 5)))
	}
}
