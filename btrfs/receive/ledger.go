package receive

import (
	"cmp"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
)

// ledger lists the compressed extents that the kernel took as they are, until they
// are seen on disk.
//
// It writes them out later and, when that fails, tells nobody: for such a write no
// error is noted in the inode (btrfs_submit_compressed_write of
// fs/btrfs/compression.c, without writeback), and neither fsync nor syncfs knows
// of one. The file just does not get the extent. With any other write syncfs does
// fail.
type ledger struct {
	since   uint64 // transaction before which none of them can have been written
	entries []entry
}

// entry is where one of the extents begins.
type entry struct {
	inode  uint64
	offset int64
}

// maxLedger bounds the entries, which then take 4 MiB.
const maxLedger = 256 << 10

func (l *ledger) add(inode uint64, offset int64) { l.entries = append(l.entries, entry{inode, offset}) }

func (l *ledger) full() bool { return len(l.entries) >= maxLedger }

// check looks for all extents in the subvolume root, of which all was written out,
// and strikes them off. It gives EIO if one is missing.
func (l *ledger) check(root *os.File) error {
	if len(l.entries) == 0 {
		return nil
	}
	have, err := btrfs.Info(root)
	if err != nil {
		return err
	}
	slices.SortFunc(l.entries, compareEntries)
	left := l.entries
	for e, err := range btrfs.Written(root, l.since) {
		if err != nil {
			return err
		}
		if left = strike(left, e); len(left) == 0 || left[0].before(e) {
			break
		}
	}
	if len(left) > 0 {
		return fmt.Errorf("write compressed extent at byte %d of inode %d: %w", left[0].offset, left[0].inode, unix.EIO)
	}
	l.since, l.entries = have.Generation, l.entries[:0]
	return nil
}

// strike returns sorted entries without those at their front that begin in e.
func strike(entries []entry, e btrfs.Extent) []entry {
	for len(entries) > 0 && entries[0].inode == e.Inode && entries[0].offset >= e.Offset && entries[0].offset-e.Offset < e.Len {
		entries = entries[1:]
	}
	return entries
}

// before reports whether neither e nor what follows it can be the extent.
func (n entry) before(e btrfs.Extent) bool {
	return compareEntries(n, entry{e.Inode, e.Offset}) < 0
}

func compareEntries(a, b entry) int {
	return cmp.Or(cmp.Compare(a.inode, b.inode), cmp.Compare(a.offset, b.offset))
}
