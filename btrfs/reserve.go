package btrfs

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// To delete a subvolume the kernel first reserves a few blocks in the quota groups
// of the subvolume around it, and gives EDQUOT where one is used up; to raise a
// limit it does the same. (Its own way out, quota_override, asks for
// CAP_SYS_RESOURCE.) Only to unlink a file it reserves nothing. So a pool keeps a
// file that is there to be unlinked then.
const (
	reserveName = "reserve"
	newReserve  = ".reserve" // reserve before it is moved into place
	// reserveBytes is far more than one deletion takes, so that it is not gone at
	// once where others write into the same quota.
	reserveBytes = 4 << 20
)

// DeleteByID removes the subvolume id, as the function [DeleteByID], and where a
// quota is used up too: it is by deleting that it becomes free. Then it costs the
// pool's reserve, 4 MiB in .btrmesh, which is laid by again as soon as there is
// room; without one it gives EDQUOT. So it does where the kernel has ceased to
// count ("qgroup data inconsistent"): nothing that is freed is noticed then.
func (p *Pool) DeleteByID(id uint64) error {
	p.reserve.Lock()
	defer p.reserve.Unlock()
	err := DeleteByID(p.dir, id)
	if errors.Is(err, unix.EDQUOT) {
		err = p.deleteOverQuota(id, err)
	}
	if err == nil && !p.reserved {
		p.layBy()
	}
	return err
}

func (p *Pool) deleteOverQuota(id uint64, why error) error {
	if err := p.spend(); err != nil {
		return errors.Join(why, err)
	}
	err := DeleteByID(p.dir, id)
	if errors.Is(err, unix.EDQUOT) {
		err = fmt.Errorf("%w, and no reserve left for it; raise the limit for a moment, or: btrfs quota rescan -w %s", err, p.path)
	}
	return err
}

// spend unlinks the reserve; its space is free after the next commit.
func (p *Pool) spend() error {
	dir, err := p.Dir()
	if err != nil {
		return err
	}
	defer dir.Close() //nolint:errcheck // opened for reading
	p.reserved = false
	err = unix.Unlinkat(int(dir.Fd()), reserveName, 0)
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return fail("spend reserve", dir.Name()+"/"+reserveName, err)
	}
	return Sync(dir)
}

// layBy makes the reserve, in place of one that is there: simple quotas do not
// count what is older than they are. Where there is no room for it, there will be
// when something is deleted.
func (p *Pool) layBy() {
	dir, err := p.Dir()
	if err != nil {
		return
	}
	defer dir.Close() //nolint:errcheck // opened for reading
	file, err := openBeneath(dir, newReserve, unix.O_WRONLY|unix.O_CREAT, 0o600)
	if err != nil {
		return
	}
	err = errors.Join(allocate(file), file.Close())
	if err == nil {
		err = unix.Renameat(int(dir.Fd()), newReserve, int(dir.Fd()), reserveName)
	}
	if err != nil {
		_ = unix.Unlinkat(int(dir.Fd()), newReserve, 0) // a part of one is none
	}
	p.reserved = err == nil
}

// allocate takes the space without writing, so that nothing compresses it.
func allocate(file *os.File) error {
	err := unix.Fallocate(int(file.Fd()), 0, 0, reserveBytes)
	runtime.KeepAlive(file)
	return err
}
