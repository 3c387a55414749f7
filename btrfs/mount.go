package btrfs

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const mountTable = "/proc/self/mountinfo"

// Mount is a mounted btrfs file system.
type Mount struct {
	Path        string // where its root or a subvolume of it is mounted
	Device      string // as the mount table has it; one of several for RAID
	Label       string // may be empty
	UUID        UUID
	SubvolumeID uint64 // of the mounted subvolume; 5 is the top level
}

// Mounts lists the mounted btrfs file systems by path, each once: by the mount
// of its top level if there is one, else of the shortest path. Mounts that
// cannot be opened are left out and named in the error, which comes with the
// others.
func Mounts() ([]Mount, error) {
	table, err := readMountTable()
	if err != nil {
		return nil, fail("list mounts", mountTable, err)
	}
	var mounts []Mount
	var errs []error
	for _, e := range table {
		if e.kind != "btrfs" {
			continue
		}
		m, visible, err := e.identify()
		if err != nil {
			errs = append(errs, fail("inspect mount", e.path, err))
		} else if visible {
			mounts = append(mounts, m)
		}
	}
	return onePerFileSystem(mounts), errors.Join(errs...)
}

func onePerFileSystem(mounts []Mount) []Mount {
	slices.SortStableFunc(mounts, func(a, b Mount) int {
		return cmp.Or(
			slices.Compare(a.UUID[:], b.UUID[:]),
			-boolCompare(a.SubvolumeID == treeTop, b.SubvolumeID == treeTop),
			cmp.Compare(len(a.Path), len(b.Path)),
		)
	})
	mounts = slices.CompactFunc(mounts, func(a, b Mount) bool { return a.UUID == b.UUID })
	slices.SortFunc(mounts, func(a, b Mount) int { return cmp.Compare(a.Path, b.Path) })
	return mounts
}

// boolCompare orders false before true.
func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// mountEntry is a line of the mount table.
type mountEntry struct {
	id                 uint64
	path, kind, device string
	subvolumeID        uint64 // 0 when not stated
}

// identify is false for a mount that another one hides.
func (e mountEntry) identify() (m Mount, visible bool, err error) {
	dir, err := os.OpenFile(e.path, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return Mount{}, false, errnoOf(err)
	}
	defer dir.Close() //nolint:errcheck // opened for reading
	if id, err := mountID(dir); err != nil || id != e.id {
		return Mount{}, false, err
	}
	uuid, label, err := identify(dir)
	if err != nil {
		return Mount{}, false, err
	}
	return Mount{Path: e.path, Device: e.device, Label: label, UUID: uuid, SubvolumeID: e.subvolumeID}, true, nil
}

// fileSystemType names the file system dir is on, "ext4".
func fileSystemType(dir *os.File) (string, error) {
	id, err := mountID(dir)
	if err != nil {
		return "", err
	}
	table, err := readMountTable()
	if err != nil {
		return "", err
	}
	for _, e := range table {
		if e.id == id {
			return e.kind, nil
		}
	}
	return "", fmt.Errorf("mount %d is not in the table", id)
}

func mountID(dir *os.File) (uint64, error) {
	var st unix.Statx_t
	err := unix.Statx(int(dir.Fd()), "", unix.AT_EMPTY_PATH, unix.STATX_MNT_ID, &st)
	runtime.KeepAlive(dir)
	return st.Mnt_id, err
}

func readMountTable() ([]mountEntry, error) {
	f, err := os.Open(mountTable)
	if err != nil {
		return nil, errnoOf(err)
	}
	defer f.Close() //nolint:errcheck // opened for reading
	return parseMountTable(f)
}

// parseMountTable reads the form described in proc_pid_mountinfo(5).
func parseMountTable(r io.Reader) ([]mountEntry, error) {
	var table []mountEntry
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20) // overlay mounts have long options
	for lines.Scan() {
		e, err := parseMountEntry(lines.Text())
		if err != nil {
			return nil, err
		}
		table = append(table, e)
	}
	return table, lines.Err()
}

// parseMountEntry reads "36 35 98:0 /root /path opts tag:1 - kind device opts".
func parseMountEntry(line string) (mountEntry, error) {
	left, right, ok := strings.Cut(line, " - ")
	mount, super := strings.Split(left, " "), strings.Split(right, " ")
	if !ok || len(mount) < 6 || len(super) < 3 {
		return mountEntry{}, fmt.Errorf("mount table line %.80q has too few fields", line)
	}
	id, err := strconv.ParseUint(mount[0], 10, 64)
	if err != nil {
		return mountEntry{}, fmt.Errorf("mount table line %.80q: %w", line, err)
	}
	return mountEntry{
		id: id, path: unescapeMount(mount[4]), kind: super[0], device: unescapeMount(super[1]),
		subvolumeID: subvolumeOption(super[2]),
	}, nil
}

// subvolumeOption finds subvolid= among mount options.
func subvolumeOption(options string) uint64 {
	for o := range strings.SplitSeq(options, ",") {
		if v, ok := strings.CutPrefix(o, "subvolid="); ok {
			id, err := strconv.ParseUint(v, 10, 64)
			if err == nil {
				return id
			}
		}
	}
	return 0
}

// unescapeMount undoes the three-digit octal escapes of the mount table.
func unescapeMount(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
