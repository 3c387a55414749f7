package receive

import (
	"context"
	"errors"
	"io"
	"os"

	"btrmesh/btrfs"
	"btrmesh/btrfs/sendstream"
)

// ApplyDraining is Apply that drains the engine before each command for which
// now says so, as a checkpoint does.
func ApplyDraining(ctx context.Context, dir *os.File, rd *sendstream.Reader, o Options, now func() bool) error {
	var c sendstream.Command
	if err := rd.Next(&c); err != nil {
		return err
	}
	if err := makeSubvolume(dir, o, identityOf(&c).Parent); err != nil {
		return err
	}
	root, err := openDir(dir, o.Name)
	if err != nil {
		return err
	}
	defer release(root)
	a := newApplier(root, c.UUID, o.Open)
	defer a.close()
	for ctx.Err() == nil {
		err := rd.Next(&c)
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && now() {
			err = a.drain()
		}
		if err == nil {
			err = a.apply(&c)
		}
		if err != nil {
			return err
		}
	}
	return errors.Join(ctx.Err(), a.finish())
}

func makeSubvolume(dir *os.File, o Options, parent btrfs.UUID) error {
	if parent.IsZero() {
		return btrfs.CreateSubvolume(dir, o.Name)
	}
	source, err := o.Open(parent)
	if err != nil {
		return err
	}
	defer release(source)
	return btrfs.CreateSnapshot(dir, o.Name, source, false)
}
