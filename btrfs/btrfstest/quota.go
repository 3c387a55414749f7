package btrfstest

import (
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// EnableSimpleQuota switches simple quotas on for the file system that the
// directory dir is on, as btrfs quota enable --simple does since btrfs-progs 6.7.
// What is there already counts for nothing. It needs root and Linux 6.7.
func EnableSimpleQuota(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // opened for reading
	// BTRFS_IOC_QUOTA_CTL with struct btrfs_ioctl_quota_ctl_args of linux/btrfs.h.
	const iocQuotaCtl, enableSimple = 0xc0109428, 4
	args := struct{ command, status uint64 }{command: enableSimple}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), iocQuotaCtl, uintptr(unsafe.Pointer(&args)))
	runtime.KeepAlive(f)
	if errno != 0 {
		return pathError("enable simple quota", dir, errno)
	}
	return nil
}
