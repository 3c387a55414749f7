package btrfs

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// openKnown opens the subvolume id if it is still the one with that UUID, and
// gives ErrNotSubvolume otherwise.
func (p *Pool) openKnown(id uint64, uuid UUID) (*os.File, error) {
	dir, err := OpenByID(p.dir, id)
	if errors.Is(err, unix.ENOENT) {
		return nil, fmt.Errorf("subvolume %s is gone: %w", uuid, ErrNotSubvolume)
	}
	if err != nil {
		return nil, err
	}
	info, err := Info(dir)
	if err == nil && info.UUID != uuid {
		err = fmt.Errorf("subvolume %d has uuid %s, not %s: %w", id, info.UUID, uuid, ErrNotSubvolume)
	}
	if err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	return dir, nil
}

// openUUID opens the subvolume with that UUID, and gives ErrNotSubvolume when
// there is none.
func (p *Pool) openUUID(uuid UUID) (*os.File, error) {
	ids, err := FindUUID(p.dir, uuid)
	if err != nil {
		return nil, err
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("subvolume %s is not on this file system: %w", uuid, ErrNotSubvolume)
	}
	return p.openKnown(ids[0], uuid)
}

// whereIs returns the path of a subvolume below the pool's path. It gives
// ErrNotSubvolume when it is gone.
func (p *Pool) whereIs(ctx context.Context, id uint64, uuid UUID) (string, error) {
	base, err := placeOf(p.dir)
	if err != nil {
		return "", err
	}
	f, err := readAncestry(p.dir, id)
	if err != nil {
		return "", err
	}
	if t := f[id]; !t.linked || t.UUID != uuid {
		return "", fmt.Errorf("subvolume %s is gone: %w", uuid, ErrNotSubvolume)
	}
	at, ok, err := f.pathBelow(base, id, findDir(p.dir))
	if err == nil && !ok {
		err = errors.New("it was moved out of the pool")
	}
	return at, errors.Join(err, context.Cause(ctx))
}
