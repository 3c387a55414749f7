package image

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
)

// Mounted is a mounted image. It is safe for concurrent use.
type Mounted struct {
	device, path string
	close        func() error
}

// Mount attaches image to a free loop device, mounts that on the directory dir
// and lets the file system fill the image. options are those of mount(8),
// "noatime,compress=zstd"; it may be empty. A failed Mount leaves nothing
// mounted or attached.
func Mount(image, dir, options string) (*Mounted, error) {
	flags, data := splitOptions(options)
	loop, err := attach(image, flags&unix.MS_RDONLY != 0)
	if err != nil {
		return nil, fmt.Errorf("attach image %s: %w", image, err)
	}
	// From here on the mount alone keeps the device attached.
	defer loop.Close() //nolint:errcheck // nothing is written to it
	if err := unix.Mount(loop.Name(), dir, "btrfs", flags, data); err != nil {
		return nil, fmt.Errorf("mount image %s on %s: %w", image, dir, err)
	}
	m := &Mounted{device: loop.Name(), path: dir}
	m.close = sync.OnceValue(func() error { return unmount(dir) })
	if flags&unix.MS_RDONLY == 0 {
		if err := grow(dir); err != nil {
			return nil, fmt.Errorf("mount image %s on %s: %w", image, dir, errors.Join(err, m.Close()))
		}
	}
	return m, nil
}

func grow(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(btrfs.Grow(f), f.Close())
}

// Device returns the loop device, "/dev/loop3".
func (m *Mounted) Device() string { return m.device }

// Path returns the directory the image is mounted on.
func (m *Mounted) Path() string { return m.path }

// Close unmounts and detaches, once. While files are open in the mount it waits
// up to two seconds; then it takes the mount away from sight, so that it ends
// with the last file closed, and says so.
func (m *Mounted) Close() error { return m.close() }

func unmount(dir string) error {
	const patience, pause = 2 * time.Second, 20 * time.Millisecond
	var err error
	for range patience / pause {
		err = unix.Unmount(dir, unix.UMOUNT_NOFOLLOW)
		if !errors.Is(err, unix.EBUSY) {
			break
		}
		<-time.After(pause)
	}
	if errors.Is(err, unix.EBUSY) {
		err = errors.Join(err, unix.Unmount(dir, unix.UMOUNT_NOFOLLOW|unix.MNT_DETACH))
	}
	if err != nil {
		return fmt.Errorf("unmount %s: %w", dir, err)
	}
	return nil
}

// splitOptions separates the options that every file system has from those
// that btrfs reads.
func splitOptions(options string) (flags uintptr, data string) {
	var own []string
	for o := range strings.SplitSeq(options, ",") {
		switch o {
		case "ro":
			flags |= unix.MS_RDONLY
		case "noatime":
			flags |= unix.MS_NOATIME
		case "nodev":
			flags |= unix.MS_NODEV
		case "nosuid":
			flags |= unix.MS_NOSUID
		case "noexec":
			flags |= unix.MS_NOEXEC
		case "":
		default:
			own = append(own, o)
		}
	}
	return flags, strings.Join(own, ",")
}
