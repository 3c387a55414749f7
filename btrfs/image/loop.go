package image

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// attach connects an image to a free loop device that lets go of it by itself
// once nobody has it open.
func attach(image string, readOnly bool) (*os.File, error) {
	mode := os.O_RDWR
	if readOnly {
		mode = os.O_RDONLY
	}
	backing, err := os.OpenFile(image, mode, 0)
	if err != nil {
		return nil, err
	}
	defer backing.Close() //nolint:errcheck // the loop device holds it by itself
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer control.Close() //nolint:errcheck // nothing is written to it
	// Others look for free devices too, and between asking and taking one
	// they may be faster.
	for range 100 {
		loop, err := attachFree(control, backing, mode)
		if !errors.Is(err, unix.EBUSY) {
			return loop, err
		}
	}
	return nil, errors.New("every free loop device was taken by others")
}

func attachFree(control, backing *os.File, mode int) (*os.File, error) {
	n, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
	if err != nil {
		return nil, fmt.Errorf("find a free loop device: %w", err)
	}
	loop, err := os.OpenFile(fmt.Sprintf("/dev/loop%d", n), mode, 0)
	if err != nil {
		return nil, err
	}
	config := unix.LoopConfig{Fd: uint32(backing.Fd())}
	config.Info.Flags = unix.LO_FLAGS_AUTOCLEAR
	copy(config.Info.File_name[:len(config.Info.File_name)-1], backing.Name())
	err = unix.IoctlLoopConfigure(int(loop.Fd()), &config)
	runtime.KeepAlive(backing)
	if err != nil {
		return nil, fmt.Errorf("configure %s: %w", loop.Name(), errors.Join(err, loop.Close()))
	}
	return loop, nil
}
