package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"btrmesh/btrfs"
	"btrmesh/mesh/control"
)

// demoShare is the name of the share.
const demoShare = "photos"

// share is where the share is.
func (d *demo) share() string { return filepath.Join(d.appliances[0].pool(), demoShare) }

// prepare makes the pools and fills the share.
func (d *demo) prepare(ctx context.Context) error {
	size, err := d.measure(ctx)
	if err != nil {
		return err
	}
	if err := d.place.checkFree(size, d.text.units); err != nil {
		return err
	}
	if err := d.nameAppliances(ctx); err != nil {
		return demoFailed(err)
	}
	for _, a := range d.appliances {
		if err := a.mount(imageSize(size)); err != nil {
			return demoFailed(err)
		}
	}
	if err := d.fillShare(ctx, size); err != nil {
		return demoFailed(err)
	}
	return nil
}

// measure counts what the share will hold, for as long as one waits for a demo.
func (d *demo) measure(ctx context.Context) (demoSize, error) {
	const patience = 20 * time.Second
	skip, err := d.place.inode()
	if err != nil {
		return demoSize{}, demoFailed(err)
	}
	d.tree.skip = skip
	size, err := d.tree.measure(ctx, patience)
	if errors.Is(err, errTooLong) {
		return size, control.Errorf(codeDemoNoSpace, "%s is too large for a demo: after %s of counting it had %s with %s.", d.tree.dir,
			control.Duration(patience), control.Count(size.paths, "path"), d.text.units.Size(size.bytes)).Hint("sudo btrmesh demo --from DIR")
	}
	if err != nil {
		return size, demoFailed(err)
	}
	return size, nil
}

// nameAppliances finds a place and a port for each.
func (d *demo) nameAppliances(ctx context.Context) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	names := []string{"nas-a", "nas-b", "nas-c"}
	addresses, err := freeAddresses(ctx, len(names))
	if err != nil {
		return err
	}
	var sockets []string
	for i, name := range names {
		a := newAppliance(d.place, name, program, addresses[i])
		d.appliances, sockets = append(d.appliances, a), append(sockets, a.socket())
	}
	return d.place.checkLength(sockets)
}

// imageSize returns the size of an image that has room for a share and for what
// a visitor of the demo adds. It takes up no more than what is written.
func imageSize(share demoSize) int64 {
	const least, unit = 4 << 30, 1 << 20
	size := max(least, 2*share.onDisk()+least/4)
	return (size + unit - 1) / unit * unit
}

// fillShare makes the share and brings it to disk, so that the first run is not
// the one to wait for that.
func (d *demo) fillShare(ctx context.Context, size demoSize) error {
	d.text.say("Copying %s, %s, from %s into the share %s of nas-a ...",
		control.Count(size.paths, "path"), d.text.units.Size(size.bytes), d.tree.dir, demoShare)
	pool, err := os.Open(d.appliances[0].pool())
	if err != nil {
		return err
	}
	defer pool.Close() //nolint:errcheck // opened for reading
	if err := btrfs.CreateSubvolume(pool, demoShare); err != nil {
		return err
	}
	if err := d.tree.fill(ctx, d.share()); err != nil {
		return err
	}
	return btrfs.SyncFS(pool)
}
