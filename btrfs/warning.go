package btrfs

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Warnings says in words what of the share a replica will lack and what keeps
// it from being snapshotted: subvolumes inside it, swap files in use, and files
// without copy-on-write in its two top levels. It looks at 1000 files at most.
func (p *Pool) Warnings(ctx context.Context, share Share) ([]string, error) {
	list, err := p.warnings(ctx, share)
	return list, fail("examine share", share.Name, err)
}

func (p *Pool) warnings(ctx context.Context, share Share) ([]string, error) {
	dir, err := p.openKnown(share.ID, share.UUID)
	if err != nil {
		return nil, err
	}
	defer dir.Close() //nolint:errcheck // opened for reading
	inside, err := nested(ctx, p.dir, share.ID)
	if err != nil {
		return nil, err
	}
	swap, err := swapFilesIn(dir)
	if err != nil {
		return nil, err
	}
	flagged, err := findNoCOW(ctx, dir)
	return slices.Concat(
		warnEach(inside, "nested subvolumes are not replicated, a replica has empty directories there: %s"),
		warnEach(swap, "swap files in use make snapshots of this share impossible: %s"),
		warnEach(flagged, "files without copy-on-write lose that attribute in a replica: %s"),
	), err
}

// warnEach fills the names into a warning, at most three; none if there are no
// names.
func warnEach(names []string, format string) []string {
	const shown = 3
	if len(names) == 0 {
		return nil
	}
	list := strings.Join(names[:min(len(names), shown)], ", ")
	if more := len(names) - shown; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return []string{fmt.Sprintf(format, list)}
}

const swapTable = "/proc/swaps"

// swapFilesIn returns the paths of the swap files in use that are on the same
// subvolume as dir: each subvolume has a device number of its own.
func swapFilesIn(dir *os.File) ([]string, error) {
	var top unix.Stat_t
	if err := unix.Fstat(int(dir.Fd()), &top); err != nil {
		return nil, err
	}
	runtime.KeepAlive(dir)
	table, err := os.Open(swapTable)
	if errors.Is(err, fs.ErrNotExist) { // a kernel without swap
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer table.Close() //nolint:errcheck // opened for reading
	paths, err := parseSwapTable(table)
	return slices.DeleteFunc(paths, func(path string) bool {
		var st unix.Stat_t
		return unix.Stat(path, &st) != nil || st.Dev != top.Dev
	}), err
}

// parseSwapTable returns the paths of the swap files in a table of the form of
// /proc/swaps: a heading, then path, type, size, used and priority.
func parseSwapTable(r io.Reader) ([]string, error) {
	var paths []string
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if f := strings.Fields(lines.Text()); len(f) >= 2 && f[1] == "file" {
			paths = append(paths, unescapeMount(f[0]))
		}
	}
	return paths, lines.Err()
}

// noCOW is FS_NOCOW_FL of linux/fs.h.
const noCOW = 0x00800000

// examined bounds the files that findNoCOW looks at.
const examined = 1000

// findNoCOW returns the paths in dir and its directories of what carries the
// NoCOW flag.
func findNoCOW(ctx context.Context, dir *os.File) ([]string, error) {
	var found []string
	left := examined
	todo := []string{"."}
	for range 2 {
		var below []string
		for _, path := range todo {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			flagged, dirs, err := scanNoCOW(dir, path, &left)
			if err != nil {
				return nil, err
			}
			found, below = append(found, flagged...), append(below, dirs...)
		}
		todo = below
	}
	return found, nil
}

// scanNoCOW looks at the entries of one directory, no more than left, which it
// counts down.
func scanNoCOW(top *os.File, path string, left *int) (flagged, dirs []string, err error) {
	if *left <= 0 {
		return nil, nil, nil
	}
	dir, err := openBeneath(top, path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOATIME, 0)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EXDEV) { // removed meanwhile, or mounted upon
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	defer dir.Close()                              //nolint:errcheck // opened for reading
	if path != "." && checkSubvolume(dir) == nil { // not of this share
		return nil, nil, nil
	}
	entries, err := dir.ReadDir(*left)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	*left -= len(entries)
	for _, e := range entries {
		name := strings.TrimPrefix(path+"/"+e.Name(), "./")
		if e.IsDir() {
			dirs = append(dirs, name)
		}
		if (e.IsDir() || e.Type().IsRegular()) && hasNoCOW(dir, e.Name()) {
			flagged = append(flagged, name)
		}
	}
	return flagged, dirs, nil
}

// hasNoCOW is false for what cannot be opened: a warning is not worth an error.
func hasNoCOW(dir *os.File, name string) bool {
	f, err := openBeneath(dir, name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOATIME, 0)
	if err != nil {
		return false
	}
	defer f.Close() //nolint:errcheck // opened for reading
	flags, err := unix.IoctlGetInt(int(f.Fd()), unix.FS_IOC_GETFLAGS)
	return err == nil && flags&noCOW != 0
}
