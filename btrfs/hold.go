package btrfs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Tasks of one share that fall due together share one snapshot. Each holds it by
// a link, so that what is on disk tells which snapshots are whose:
//
//	.btrmesh/snapshots/SHARE-UUID/TIME  the read-only subvolume
//	.btrmesh/send/TASK/TIME             symbolic link, ../../snapshots/SHARE-UUID/TIME
//
// A link is there before its subvolume is, and the subvolume goes before its last
// link does. So a crash leaves a link to nothing at the most, which
// SweepSnapshots removes, and never a subvolume that nobody accounts for. Links
// are read and compared, never followed.
const sendPath = DirName + "/" + sendName

// holders are the tasks that hold each snapshot, sorted, by its path in the pool.
type holders map[string][]string

// holdText is what the link of a hold says.
func holdText(share UUID, name string) string {
	return path.Join("../..", snapshotsName, share.String(), name)
}

// parseHold returns the path in the pool of the snapshot that a link called name
// holds; false for a text that holdText never gives.
func parseHold(name, text string) (string, bool) {
	rel, ok := strings.CutPrefix(text, "../../"+snapshotsName+"/")
	share, snapshot, _ := strings.Cut(rel, "/")
	id, err := ParseUUID(share)
	if _, named := parseSnapshotName(name); !ok || !named || err != nil || snapshot != name || holdText(id, name) != text {
		return "", false
	}
	return snapshotsPath + "/" + rel, true
}

func addHold(dir *os.File, share UUID, name string) error {
	err := unix.Symlinkat(holdText(share, name), int(dir.Fd()), name)
	runtime.KeepAlive(dir)
	return fail("hold snapshot", dir.Name()+"/"+name, err)
}

// removeHold takes away the link name; one that is gone is no error.
func removeHold(dir *os.File, name string) error {
	err := unix.Unlinkat(int(dir.Fd()), name, 0)
	runtime.KeepAlive(dir)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	return fail("release snapshot", dir.Name()+"/"+name, err)
}

// readHold returns what the link name in dir says, "" for what is no link.
func readHold(dir *os.File, name string) (string, error) {
	text := make([]byte, 256)
	n, err := unix.Readlinkat(int(dir.Fd()), name, text)
	runtime.KeepAlive(dir)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) || n == len(text) {
		return "", nil
	}
	if err != nil {
		return "", fail("read hold", dir.Name()+"/"+name, err)
	}
	return string(text[:n]), nil
}

// HoldSnapshot makes task hold s too, durably. Holding twice is one hold. It
// gives ErrNotSubvolume when s is gone, and EEXIST when the task has another
// snapshot of that name.
func (p *Pool) HoldSnapshot(ctx context.Context, s Snapshot, task string) error {
	p.holds.Lock()
	defer p.holds.Unlock()
	return fail("hold snapshot", path.Join(task, s.Name), p.holdSnapshot(ctx, s, task))
}

func (p *Pool) holdSnapshot(ctx context.Context, s Snapshot, task string) error {
	if err := p.checkInPlace(ctx, s); err != nil {
		return err
	}
	dir, err := p.Dir(sendName, task)
	if err != nil {
		return err
	}
	defer dir.Close() //nolint:errcheck // opened for reading
	err = addHold(dir, s.ShareUUID, s.Name)
	if errors.Is(err, unix.EEXIST) {
		text, readErr := readHold(dir, s.Name)
		if readErr != nil || text != holdText(s.ShareUUID, s.Name) {
			return errors.Join(err, readErr)
		}
		return nil
	}
	if err != nil {
		return err
	}
	return Sync(p.dir)
}

// checkInPlace gives ErrNotSubvolume when s is gone, and another error when what
// has its id and UUID is not where snapshots are.
func (p *Pool) checkInPlace(ctx context.Context, s Snapshot) error {
	at, err := p.whereIs(ctx, s.ID, s.UUID)
	if err == nil && at != s.Path() {
		err = fmt.Errorf("it was moved to %s", at)
	}
	return err
}

// ReleaseSnapshot ends the hold of task on s, and removes s when no other task
// holds it. What task does not hold is left alone, and a snapshot that is gone
// already is no error. It gives EPERM, and the hold stays, while a snapshot that
// should go is sent.
func (p *Pool) ReleaseSnapshot(ctx context.Context, s Snapshot, task string) error {
	p.holds.Lock()
	defer p.holds.Unlock()
	return fail("release snapshot", path.Join(task, s.Name), p.releaseSnapshot(ctx, s, task))
}

func (p *Pool) releaseSnapshot(ctx context.Context, s Snapshot, task string) error {
	holds, err := p.readHolds()
	if err != nil {
		return err
	}
	tasks := holds[s.Path()]
	if !slices.Contains(tasks, task) {
		return nil
	}
	if len(tasks) == 1 {
		if err := p.destroy(ctx, s); err != nil {
			return err
		}
	}
	return p.unlinkHold(task, s.Name)
}

// destroy removes a subvolume unless it is gone.
func (p *Pool) destroy(ctx context.Context, s Snapshot) error {
	err := p.checkInPlace(ctx, s)
	if errors.Is(err, ErrNotSubvolume) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := p.DeleteByID(s.ID); err != nil && !errors.Is(err, unix.ENOENT) {
		return err
	}
	return p.removeEmpty(snapshotsName, s.ShareUUID.String())
}

func (p *Pool) unlinkHold(task, name string) error {
	dir, err := p.Dir(sendName, task)
	if err != nil {
		return err
	}
	defer dir.Close() //nolint:errcheck // opened for reading
	if err := removeHold(dir, name); err != nil {
		return err
	}
	return p.removeEmpty(sendName, task)
}

// removeEmpty removes a directory of .btrmesh/parent unless it is of use.
func (p *Pool) removeEmpty(parent, name string) error {
	dir, err := p.Dir(parent)
	if err != nil {
		return err
	}
	defer dir.Close() //nolint:errcheck // opened for reading
	err = unix.Unlinkat(int(dir.Fd()), name, unix.AT_REMOVEDIR)
	runtime.KeepAlive(dir)
	if errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, unix.ENOENT) {
		return nil
	}
	return fail("remove directory", dir.Name()+"/"+name, err)
}

// SweepSnapshots removes the holds whose snapshot is not there, which a crash
// leaves, and returns what it removed. Links of other forms are not touched.
func (p *Pool) SweepSnapshots(ctx context.Context) ([]string, error) {
	p.holds.Lock()
	defer p.holds.Unlock()
	swept, err := p.sweepSnapshots(ctx)
	return swept, fail("sweep snapshots", p.path, err)
}

func (p *Pool) sweepSnapshots(ctx context.Context) (swept []string, err error) {
	all, err := p.readHolds()
	if err != nil {
		return nil, err
	}
	for at, tasks := range all {
		if ctx.Err() != nil {
			return swept, context.Cause(ctx)
		}
		if there, err := p.isThere(at); there || err != nil {
			if err != nil {
				return swept, err
			}
			continue
		}
		for _, task := range tasks {
			if err := p.unlinkHold(task, path.Base(at)); err != nil {
				return swept, err
			}
			swept = append(swept, path.Join(sendName, task, path.Base(at)))
		}
	}
	slices.Sort(swept)
	return swept, nil
}

// isThere reports whether there is a directory at a path in the pool.
func (p *Pool) isThere(at string) (bool, error) {
	dir, err := openBeneath(p.dir, at, unix.O_PATH|unix.O_DIRECTORY, 0)
	if errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	if err != nil {
		return false, fail("look for snapshot", at, err)
	}
	return true, dir.Close()
}

// readHolds reads which task holds what.
func (p *Pool) readHolds() (holders, error) {
	all := holders{}
	err := eachName(p.dir, sendPath, func(_ *os.File, task string) error {
		return eachName(p.dir, sendPath+"/"+task, func(dir *os.File, name string) error {
			text, err := readHold(dir, name)
			if at, ok := parseHold(name, text); ok {
				all[at] = append(all[at], task)
			}
			return err
		})
	})
	for _, tasks := range all {
		slices.Sort(tasks)
	}
	return all, err
}

// eachName calls do for each entry of a directory beneath top. What is no
// directory, or gone, has none.
func eachName(top *os.File, at string, do func(dir *os.File, name string) error) error {
	dir, err := openBeneath(top, at, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
		return nil
	}
	if err != nil {
		return fail("list", at, err)
	}
	defer dir.Close() //nolint:errcheck // opened for reading
	names, err := dir.Readdirnames(-1)
	if err != nil && !errors.Is(err, unix.ENOENT) { // it may go meanwhile
		return fail("list", at, errnoOf(err))
	}
	for _, name := range names {
		if err := do(dir, name); err != nil {
			return err
		}
	}
	return nil
}
