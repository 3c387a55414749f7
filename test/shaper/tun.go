package shaper

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

// device is the name of the line's end in either namespace.
const device = "eth0"

// mtu is that of Ethernet.
const mtu = "1500"

// openTUN makes a TUN device (Documentation/networking/tuntap.rst) that reads
// and writes packets of IP, and returns its name. It is gone once the file is
// closed, wherever it was moved to.
func openTUN() (*os.File, string, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, "", fmt.Errorf("open /dev/net/tun: %w", err)
	}
	req, err := unix.NewIfreq("bmline%d")
	if err == nil {
		req.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, req)
	}
	if err != nil {
		return nil, "", errors.Join(fmt.Errorf("make a TUN device: %w", err), unix.Close(fd))
	}
	// Only now: a device that is not there yet cannot be polled.
	return os.NewFile(uintptr(fd), "/dev/net/tun"), req.Name(), nil
}

// openEnd makes one end of a line in its namespace.
func openEnd(ctx context.Context, e End) (*os.File, error) {
	tun, name, err := openTUN()
	if err != nil {
		return nil, err
	}
	for _, line := range []string{
		fmt.Sprintf("link set %s netns %s name %s", name, e.Namespace, device),
		fmt.Sprintf("-n %s addr add %s dev %s", e.Namespace, e.Address, device),
		fmt.Sprintf("-n %s link set %s mtu %s txqueuelen 10000 up", e.Namespace, device, mtu),
	} {
		if err := ip(ctx, strings.Fields(line)...); err != nil {
			return nil, errors.Join(err, tun.Close())
		}
	}
	return tun, nil
}

func ip(ctx context.Context, args ...string) error {
	if out, err := exec.CommandContext(ctx, "ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}
