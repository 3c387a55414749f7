package receive

import (
	"fmt"
	"time"

	"btrmesh/btrfs"
)

// Seal makes an applied subvolume a received snapshot: its data goes to disk, it is
// marked as the copy of what the stream carried, taken at that time, and becomes
// read-only. The result is read back from the kernel and compared. It is for once:
// a second call would not be told that data was not written.
//
// The data goes first. Marking commits metadata alone, and after a power cut a
// snapshot marked before its data was written is read-only, has a received UUID
// and holds empty files.
func Seal(a *Applied, taken time.Time) (btrfs.Subvolume, error) {
	root, id := a.Root, a.Identity
	if err := a.ledger.writeOut(root); err != nil {
		return btrfs.Subvolume{}, err
	}
	if _, err := btrfs.SetReceived(root, id.Snapshot, id.CTransID, taken); err != nil {
		return btrfs.Subvolume{}, err
	}
	if err := btrfs.SetReadOnly(root, true); err != nil {
		return btrfs.Subvolume{}, err
	}
	have, err := btrfs.Info(root)
	if err != nil {
		return btrfs.Subvolume{}, err
	}
	if problem := problemOf(have, id); problem != "" {
		return btrfs.Subvolume{}, fmt.Errorf("read back %s: %s", root.Name(), problem)
	}
	return have, nil
}

// problemOf says in what a subvolume is not, or no longer, what Seal made of it;
// "" if it is. Content that changes later, even by way of a writable spell,
// moves the transaction of the last change past the one of the receiving.
// Deduplication does so too, though it changes no byte, and cannot be told
// apart; snapshots taken of the subvolume do not.
func problemOf(have btrfs.Subvolume, id Identity) string {
	switch {
	case !have.ReadOnly:
		return "it is writable"
	case have.ReceivedUUID != id.Snapshot:
		return "its received UUID is not that of the snapshot"
	case have.STransID != id.CTransID:
		return "its received transaction is not that of the snapshot"
	case have.CTransID > have.RTransID:
		return "its content was changed or deduplicated since"
	}
	return ""
}
