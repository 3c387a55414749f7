package btrfs

import (
	"errors"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// DeviceErrors counts what went wrong on one device since the counters were
// last reset; they survive a restart.
type DeviceErrors struct {
	ID         uint64
	Path       string // "" for a device that is missing
	Write      uint64 // failed writes
	Read       uint64 // failed reads
	Flush      uint64 // failed flushes
	Corruption uint64 // bad checksums
	Generation uint64 // stale blocks
}

// Any reports whether there was any error.
func (e DeviceErrors) Any() bool {
	return e.Write|e.Read|e.Flush|e.Corruption|e.Generation != 0
}

// devStats is struct btrfs_ioctl_get_dev_stats.
type devStats struct {
	id, items, flags uint64
	values           [5]uint64
	_                [121]uint64
}

var _ = [1]struct{}{}[unsafe.Sizeof(devStats{})-1032]

// DeviceErrors reads the error counters of all devices of the pool.
func (p *Pool) DeviceErrors() ([]DeviceErrors, error) {
	const op = "read device errors"
	devices, err := readDevices(p.dir)
	if err != nil {
		return nil, fail(op, p.path, err)
	}
	list := make([]DeviceErrors, 0, len(devices))
	for _, d := range devices {
		stats := devStats{id: d.id}
		stats.items = uint64(len(stats.values))
		if err := ioctl(p.dir, iocGetDevStats, unsafe.Pointer(&stats)); err != nil {
			return nil, failIoctl(op, p.path, err)
		}
		v := stats.values
		list = append(list, DeviceErrors{
			ID: d.id, Path: unix.ByteSliceToString(d.path[:]),
			Write: v[0], Read: v[1], Flush: v[2], Corruption: v[3], Generation: v[4],
		})
	}
	return list, nil
}

// readDevices asks for each id there may be; ids of removed devices are gaps.
func readDevices(dir *os.File) ([]devInfo, error) {
	info, err := readFSInfo(dir)
	if err != nil {
		return nil, err
	}
	var devices []devInfo
	for id := uint64(0); id <= info.maxID && uint64(len(devices)) < info.devices; id++ {
		d := devInfo{id: id}
		err := ioctl(dir, iocDevInfo, unsafe.Pointer(&d))
		if errors.Is(err, unix.ENODEV) {
			continue
		}
		if err != nil {
			return nil, failIoctl("read device", dir.Name(), err)
		}
		devices = append(devices, d)
	}
	return devices, nil
}
