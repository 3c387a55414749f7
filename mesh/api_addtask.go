package mesh

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"btrmesh/btrfs"
	"btrmesh/mesh/control"
	"btrmesh/mesh/plan"
	"btrmesh/state"
	"btrmesh/stream"
)

// estimateTime bounds how long a dry run counts what a first run would send.
const estimateTime = 5 * time.Second

// newTask is a task that is asked for, with everything found out about it.
type newTask struct {
	task   state.Task
	pool   *Pool
	share  btrfs.Share
	target state.Peer
	remote stream.PoolInfo
}

// addTask adds a task after checking that it could run: the share is a
// subvolume, the target answers, has the pool, and grants it.
func (a api) addTask(ctx context.Context, req control.AddTask) (control.TaskChange, error) {
	nt, err := a.prepareTask(ctx, req)
	if err != nil {
		return control.TaskChange{}, err
	}
	var change control.TaskChange
	err = a.change(req.DryRun, func(tx *state.Tx) error {
		if err := a.taskFree(tx, nt); err != nil {
			return err
		}
		shown, err := a.shownTask(tx, nt.task, time.Now().UTC())
		change.Task = &shown
		return errors.Join(err, tx.PutTask(nt.task))
	})
	if err != nil {
		return control.TaskChange{}, err
	}
	if req.DryRun {
		p := a.previewTask(ctx, nt)
		return control.TaskChange{Plan: &p}, nil
	}
	a.log.Info("task added", "task", nt.task.Name, "share", nt.share.Name, "target", nt.target.Name, "pool", nt.task.TargetPool, "every", nt.task.EverySeconds)
	change.Warnings, err = nt.pool.Warnings(ctx, nt.share)
	if err != nil {
		a.log.Warn("share not looked through", "share", nt.share.Name, "err", err)
	}
	a.wakeUp()
	return change, nil
}

// prepareTask checks a request word by word. Nothing is changed.
func (a api) prepareTask(ctx context.Context, req control.AddTask) (newTask, error) {
	keep, err := readKeep(cmp.Or(req.KeepTarget, plan.DefaultKeep().String()))
	keepSource := cmp.Or(req.KeepSource, defaultKeepSource)
	if err := errors.Join(checkEvery(req.EverySeconds), err, checkKeepSource(keepSource), checkPace(req.Pace)); err != nil {
		return newTask{}, err
	}
	pool, share, err := a.findShare(ctx, req.Share)
	if err != nil {
		return newTask{}, err
	}
	nt := newTask{pool: pool, share: share, task: state.Task{
		Name: req.Name, Share: share.Name, ShareUUID: share.UUID, Pool: pool.UUID, PoolName: pool.Name, TargetPool: req.Pool,
		EverySeconds: uint32(req.EverySeconds), Enabled: true, KeepSource: uint32(keepSource), KeepTarget: keep,
		Created: time.Now().UTC(), NextRun: 1,
		LimitBytes: req.LimitBytesPerSecond, Window: req.Window, OutsideBytes: req.OutsideBytesPerSecond,
	}}
	return a.aimTask(ctx, nt, req)
}

// aimTask finds the target and asks it whether the task could run there.
func (a api) aimTask(ctx context.Context, nt newTask, req control.AddTask) (newTask, error) {
	err := a.store.View(func(tx *state.Tx) (err error) {
		nt.target, err = a.otherPeer(tx, req.To)
		return err
	})
	if err != nil {
		return nt, err
	}
	nt.task.Target = nt.target.ID
	if nt.task.Name == "" {
		nt.task.Name = nt.share.Name + "-" + nt.target.Name
	}
	if !taskNameOK(nt.task.Name) {
		return nt, control.BadName("task", nt.task.Name).Hint("--name NAME")
	}
	info, err := a.infoOf(ctx, nt.target)
	if err != nil {
		return nt, err
	}
	nt.remote, err = a.remotePool(nt.target, info, req.Pool, nt.share.Name)
	return nt, err
}

// remotePool finds the target's pool among those it named, and the grant.
func (a api) remotePool(target state.Peer, info stream.Info, pool, share string) (stream.PoolInfo, error) {
	i := slices.IndexFunc(info.Pools, func(p stream.PoolInfo) bool { return p.Name == pool })
	if i < 0 {
		return stream.PoolInfo{}, control.PoolNotFound(target.Name, pool, namedPools(target, info))
	}
	g := info.Pools[i].Grant
	if !g.Granted || (len(g.Shares) > 0 && !slices.Contains(g.Shares, share)) {
		return info.Pools[i], control.NotGranted(target.Name, a.name(), pool)
	}
	return info.Pools[i], nil
}

// namedPools are the pools a target named, as an error lists them.
func namedPools(target state.Peer, info stream.Info) []control.Pool {
	list := make([]control.Pool, 0, len(info.Pools))
	for _, p := range info.Pools {
		list = append(list, control.Pool{Appliance: target.Name, Name: p.Name, FreeBytes: bytesOf(p.Free)})
	}
	return list
}

// taskFree refuses a task that is there already: by name, or because the share
// goes to that pool.
func (a api) taskFree(tx *state.Tx, nt newTask) error {
	all, err := tx.Tasks()
	if err != nil {
		return err
	}
	for _, t := range all {
		same := t.Share == nt.task.Share && t.Target == nt.task.Target && t.TargetPool == nt.task.TargetPool
		if !same && t.Name != nt.task.Name {
			continue
		}
		var since time.Time
		if !t.Enabled {
			since = t.Changed
		}
		return control.TaskExists(t.Share, a.peerName(tx, t.Target), t.TargetPool, t.Name, since)
	}
	return nil
}

// findShare finds a share by its name, or by POOL:NAME where several pools have
// one of that name.
func (a api) findShare(ctx context.Context, given string) (*Pool, btrfs.Share, error) {
	poolName, name, qualified := strings.Cut(given, ":")
	if !qualified {
		name = given
	}
	var found []*Pool
	var share btrfs.Share
	var plain *Pool
	for _, p := range a.Node.pools.all() {
		if qualified && p.Name != poolName {
			continue
		}
		s, err := p.Share(ctx, name)
		switch {
		case err == nil:
			found, share = append(found, p), s
		case errors.Is(err, btrfs.ErrNotSubvolume):
			plain = p
		case !errors.Is(err, fs.ErrNotExist):
			return nil, share, control.Usage("%q cannot be the name of a share: %v.", given, err)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], share, nil
	case len(found) > 1:
		return nil, share, severalShares(name, found)
	case plain != nil:
		return nil, share, control.NotASubvolume(plain.Path + "/" + name)
	}
	return nil, share, control.ShareNotFound(given, a.name(), a.nearestShare(ctx, name))
}

func severalShares(name string, in []*Pool) *control.Error {
	e := control.Errorf(control.CodeAmbiguous, "%q is a share of several pools.", name)
	for _, p := range in {
		e = e.Fact("%s:%s", p.Name, name)
	}
	return e
}

func (a api) nearestShare(ctx context.Context, name string) string {
	var names []string
	for _, p := range a.Node.pools.all() {
		shares, err := p.Shares.Shares(ctx)
		if err != nil {
			continue // this is for a suggestion only
		}
		for _, s := range shares {
			names = append(names, s.Name)
		}
	}
	return control.Nearest(name, names)
}

// previewTask says what adding the task would do.
func (a api) previewTask(ctx context.Context, nt newTask) control.Plan {
	t := nt.task
	preview := control.TaskPreview{
		Name: t.Name, Share: t.Share, Pool: t.PoolName, Source: a.name(), Target: nt.target.Name, TargetPool: t.TargetPool,
		FreeBytes: bytesOf(nt.remote.Free), Granted: nt.remote.Grant.Granted, QuotaBytes: quotaOf(nt.remote.Grant.Quota),
		EverySeconds: int64(t.EverySeconds), KeepSource: int64(t.KeepSource), KeepTarget: t.KeepTarget, Pace: paceOf(t), FirstKind: "full", Starts: "at once",
	}
	if now := time.Now(); !hoursOf(t).At(now, a.zone).Run {
		preview.Starts = "at " + hoursOf(t).At(now, a.zone).Until.In(a.zone).Format("15:04")
	}
	if nt.share.Referenced >= 0 {
		preview.ReferencedBytes = &nt.share.Referenced
	}
	would := control.Plan{Would: "add task " + t.Name, Task: &preview, Actions: []control.Action{
		{Do: control.ActionCreate, Kind: "snapshot", Subject: fmt.Sprintf("%s on %s", t.Share, a.name())},
		{Do: control.ActionFull, Kind: "replica", Subject: fmt.Sprintf("%s@%s on %s", t.Share, a.name(), nt.target.Name), Note: "read-only, visible after the first run"},
	}}
	estimate, err := a.estimateShare(ctx, nt)
	if err != nil {
		a.log.Info("dry run without an estimate", "share", t.Share, "err", err)
		return would
	}
	preview.EstimateBytes = &estimate
	there := room{space: btrfs.Space{Total: nt.remote.Size, Free: nt.remote.Free}, quota: nt.remote.Grant.Quota, used: nt.remote.Grant.Used}
	if no := there.refuse(estimate); no != nil {
		would.Refused = explainer{here: a.name(), there: nt.target.Name, task: t}.explain(no)
	}
	return would
}

// dryTask holds the snapshots of dry runs; no task can be called so.
const dryTask = ".dry-run"

// estimateShare counts what a full send of the share would bring. It needs a
// snapshot, which it releases again.
func (a api) estimateShare(ctx context.Context, nt newTask) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, estimateTime)
	defer cancel()
	snap, err := nt.pool.Snapshot(ctx, nt.share, dryTask, time.Now().UTC())
	if err != nil {
		return 0, err
	}
	estimate, err := nt.pool.Estimate(ctx, btrfs.SendRequest{Snapshot: snap.UUID, Compressed: a.streamVersion >= 2})
	return estimate, errors.Join(err, nt.pool.ReleaseSnapshot(context.WithoutCancel(ctx), snap, dryTask))
}
