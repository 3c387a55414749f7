package btrfs

import (
	"os"
	"time"
	"unsafe"
)

// receivedArgs is struct btrfs_ioctl_received_subvol_args.
type receivedArgs struct {
	uuid               UUID
	stransid, rtransid uint64
	stime, rtime       timespec
	flags              uint64
	_                  [16]uint64
}

var _ = [1]struct{}{}[unsafe.Sizeof(receivedArgs{})-200]

// SetReceived notes on the writable subvolume dir which snapshot it is a copy
// of: its uuid, ctransid and time at the source. It returns the transaction of
// this note and gives EROFS if dir is read-only already. It commits metadata,
// not dirty data.
func SetReceived(dir *os.File, uuid UUID, stransid uint64, stime time.Time) (rtransid uint64, err error) {
	args := receivedArgs{uuid: uuid, stransid: stransid}
	if !stime.IsZero() {
		args.stime = timespec{sec: uint64(stime.Unix()), nsec: uint32(stime.Nanosecond())}
	}
	if err := ioctl(dir, iocSetReceived, unsafe.Pointer(&args)); err != nil {
		return 0, failIoctl("set received uuid", dir.Name(), err)
	}
	return args.rtransid, nil
}
