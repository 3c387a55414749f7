package receive

import (
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
)

// ledger lists what was written to files and not seen on disk since. It serves two
// purposes.
//
// The kernel writes an extent that it took compressed, as it is, later, and when
// that fails, tells nobody: for such a write no error is noted in the inode
// (btrfs_submit_compressed_write of fs/btrfs/compression.c, without writeback),
// and neither fsync nor syncfs knows of one. The file just does not get the
// extent. So all of these are looked for. With any other write syncfs does fail.
//
// But syncfs waits for what others write to the file system as well, without end
// beside a busy one. A run that wrote little writes out and looks for just that.
//
// The zero value is empty. A ledger is used by one goroutine.
type ledger struct {
	since   uint64 // transaction before which nothing can have been written
	encoded []stretch
	plain   []stretch
	large   bool // it is not known, or too much to be looked for, what else was written
}

// Bounds of a ledger.
const (
	maxEncoded = 128 << 10 // stretches, which take 3 MiB; then all is written out
	maxSmall   = 64        // stretches that are written out one by one
)

// addEncoded notes an extent that the kernel took as it is.
func (l *ledger) addEncoded(s stretch) { l.encoded = append(l.encoded, s) }

// addPlain notes any other data. Where something was written before, that may be
// all that is found later.
func (l *ledger) addPlain(s stretch) {
	if slices.ContainsFunc(l.plain, s.overlaps) || slices.ContainsFunc(l.encoded, s.overlaps) {
		l.large = true
	}
	l.addZeros(s)
}

// addZeros notes what cutting a file writes behind its end. If what was there
// before is found instead, nobody sees the difference.
func (l *ledger) addZeros(s stretch) {
	l.large = !l.isSmall()
	if !l.large {
		l.plain = append(l.plain, s)
	}
}

// isSmall reports whether all that was written is known, and worth being written
// out one by one.
func (l *ledger) isSmall() bool { return !l.large && len(l.encoded)+len(l.plain) < maxSmall }

// writeOut brings all data of the subvolume root to disk and makes sure that it is
// there, in the running transaction or an earlier one. root was opened before the
// first of it was written, and stays the only one to ask: the kernel tells each
// descriptor of an error once, and those opened later perhaps not at all. Taking
// a snapshot writes data out too, and tells nobody.
func (l *ledger) writeOut(root *os.File) error {
	if done, err := l.writeOutAlone(root); done || err != nil {
		return err
	}
	if err := btrfs.SyncFS(root); err != nil {
		return err
	}
	lost, err := missing(root, l.since, l.encoded)
	if err != nil {
		return err
	}
	if len(lost) > 0 {
		return fmt.Errorf("write compressed extent at byte %d of inode %d: %w", lost[0].from, lost[0].inode, unix.EIO)
	}
	return l.clear(root)
}

// writeOutAlone is writeOut for little data. It is not done if not all of it is
// found: there may be an error to be told, or just no extent where, as after
// deduplication or with NOCOW, none has to be.
func (l *ledger) writeOutAlone(root *os.File) (done bool, err error) {
	if !l.isSmall() {
		return false, nil
	}
	all := slices.Concat(l.encoded, l.plain)
	btrfs.WriteOut(root, inodesOf(all))
	lost, err := missing(root, l.since, all)
	if err != nil || len(lost) > 0 {
		return false, err
	}
	return true, l.clear(root)
}

// clear begins anew, with all written out.
func (l *ledger) clear(root *os.File) error {
	have, err := btrfs.Info(root)
	if err != nil {
		return err
	}
	*l = ledger{since: have.Generation, encoded: l.encoded[:0], plain: l.plain[:0]}
	return nil
}
