package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"btrmesh/btrfs/image"
	"btrmesh/mesh/control"
)

// demoPool is the name of each appliance's pool.
const demoPool = "tank"

// demoAppliance is one appliance of a demo: an image, its mount, and a daemon,
// which is this program again.
type demoAppliance struct {
	name    string
	dir     string // all its files
	program string
	address string // of the daemon, host and port
	mounted *image.Mounted
	client  *control.Client
}

// newAppliance names an appliance and its files below place. Nothing is made
// yet.
func newAppliance(place demoPlace, name, program, address string) *demoAppliance {
	a := &demoAppliance{name: name, dir: filepath.Join(place.dir, name), program: program, address: address}
	a.client = control.NewClient(a.socket(), defaultTimeout)
	return a
}

func (a *demoAppliance) socket() string { return filepath.Join(a.dir, "btrmesh.sock") }
func (a *demoAppliance) image() string  { return filepath.Join(a.dir, demoPool+".btrfs") }
func (a *demoAppliance) log() string    { return filepath.Join(a.dir, "daemon.log") }
func (a *demoAppliance) pool() string   { return filepath.Join(a.dir, demoPool) }

// mount makes the pool, an image of size bytes. It carries no label: a daemon
// that finds its pools by labels leaves it alone.
func (a *demoAppliance) mount(size int64) error {
	for _, dir := range []string{a.dir, a.pool()} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
	}
	if err := image.Create(a.image(), size, ""); err != nil {
		return err
	}
	m, err := image.Mount(a.image(), a.pool(), "noatime,nodev,nosuid")
	if err != nil {
		return explainMount(err)
	}
	a.mounted = m
	return nil
}

// unmount ends what mount began.
func (a *demoAppliance) unmount() error {
	if a.mounted == nil {
		return nil
	}
	return a.mounted.Close()
}

// explainMount tells what the machine lacks.
func explainMount(err error) error {
	if device, ok := errors.AsType[*fs.PathError](err); ok && strings.HasPrefix(device.Path, "/dev/loop") {
		return control.Errorf(codeDemoNeeds, "the demo needs loop devices: %v.", device).
			Hint("sudo modprobe loop, and in a container: let it use them")
	}
	switch {
	case errors.Is(err, syscall.ENODEV):
		return control.Errorf(codeDemoNeeds, "the demo needs btrfs, which this kernel does not have.").Hint("sudo modprobe btrfs")
	case errors.Is(err, fs.ErrPermission):
		return control.Errorf(codeDemoNeeds, "the demo may not mount here: %v.", err).Hint("run it outside of the container: sudo btrmesh demo")
	}
	return err
}

// freeAddresses returns n UDP addresses of this machine that nobody uses now.
func freeAddresses(ctx context.Context, n int) ([]string, error) {
	var addresses []string
	for range n {
		// All stay open until the last is found, lest two be the same.
		c, err := new(net.ListenConfig).ListenPacket(ctx, "udp4", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer c.Close() //nolint:errcheck // nothing was sent
		addresses = append(addresses, c.LocalAddr().String())
	}
	return addresses, nil
}
