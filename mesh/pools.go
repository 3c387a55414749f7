package mesh

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"btrmesh/btrfs"
	"btrmesh/btrfs/receive"
)

// PoolPath names a pool by the place where it is mounted.
type PoolPath struct{ Name, Path string }

// poolInterval is how often pools that came or went are looked for.
const poolInterval = 10 * time.Second

// pools is the set of pools this appliance uses. Pools named in the
// configuration are waited for when they are not mounted; without any, every
// mounted btrfs file system with a label is one. Safe for concurrent use.
type pools struct {
	log    *slog.Logger
	want   []PoolPath
	mounts func() ([]btrfs.Mount, error)
	open   func(PoolPath) (*Pool, error)
	ready  func(context.Context, *Pool) // called with a pool that was opened, before it is used

	mu     sync.Mutex
	known  map[string]*Pool
	absent map[string]error // by name: why a wanted pool is not there
}

func newPools(want []PoolPath, log *slog.Logger) *pools {
	return &pools{
		log: log, want: want, mounts: btrfs.Mounts, ready: func(context.Context, *Pool) {},
		open:  func(at PoolPath) (*Pool, error) { return openPool(at, log) },
		known: map[string]*Pool{}, absent: map[string]error{},
	}
}

// openPool opens and locks the pool mounted at at.Path.
func openPool(at PoolPath, log *slog.Logger) (*Pool, error) {
	p, err := btrfs.OpenPool(at.Path)
	if err != nil {
		return nil, err
	}
	if err := p.Lock(); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	target := receive.NewTarget(p, log)
	return &Pool{
		Name: at.Name, Path: p.Path(), UUID: p.UUID(),
		Shares: p, Devices: p, Snapshots: p, Source: p, Replicas: target, Checkpoints: target, Close: p.Close,
	}, nil
}

// wanted lists the pools that should be open now.
func (p *pools) wanted() ([]PoolPath, error) {
	if len(p.want) > 0 {
		return p.want, nil
	}
	mounts, err := p.mounts()
	if err != nil {
		return nil, fmt.Errorf("find pools: %w", err)
	}
	var found []PoolPath
	for _, m := range mounts {
		if m.Label != "" {
			found = append(found, PoolPath{Name: m.Label, Path: m.Path})
		}
	}
	return found, nil
}

// scan opens the wanted pools that are not open yet.
func (p *pools) scan(ctx context.Context) error {
	wanted, err := p.wanted()
	if err != nil {
		return err
	}
	for _, at := range wanted {
		if _, ok := p.get(at.Name); !ok {
			pool, err := p.open(at)
			if err == nil {
				sweep(ctx, pool, p.log)
				p.ready(ctx, pool)
			}
			p.note(at.Name, pool, err)
		}
	}
	return nil
}

// sweep removes what interrupted runs left in staging and among the snapshots,
// before the pool is used.
// What cannot be removed now is harmless: staging is never visible as a replica.
func sweep(ctx context.Context, pool *Pool, log *slog.Logger) {
	done, err := pool.Sweep(ctx)
	holds, holdErr := pool.SweepSnapshots(ctx)
	dry, dryErr := sweepDryRuns(ctx, pool)
	done, err = slices.Concat(done, holds, dry), errors.Join(err, holdErr, dryErr)
	for _, what := range done {
		log.Info("swept after an interruption", "pool", pool.Name, "what", what)
	}
	if err != nil {
		log.Warn("sweep not finished", "pool", pool.Name, "err", err)
	}
}

// sweepDryRuns releases the snapshots of dry runs that did not come to it.
func sweepDryRuns(ctx context.Context, pool *Pool) (done []string, err error) {
	all, err := pool.Snapshots.Snapshots(ctx)
	for _, snap := range all {
		if !snap.HeldBy(dryTask) {
			continue
		}
		if failed := pool.ReleaseSnapshot(ctx, snap, dryTask); failed != nil {
			err = errors.Join(err, fmt.Errorf("release %s of a dry run: %w", snap.Name, failed))
			continue
		}
		done = append(done, "snapshot "+snap.Name+" of a dry run")
	}
	return done, err
}

func (p *pools) note(name string, pool *Pool, err error) {
	p.mu.Lock()
	before := p.absent[name]
	if err == nil {
		p.known[name] = pool
		delete(p.absent, name)
	} else {
		p.absent[name] = err
	}
	p.mu.Unlock()
	switch {
	case err == nil:
		p.log.Info("pool opened", "pool", name, "path", pool.Path)
	case before == nil || before.Error() != err.Error():
		p.log.Warn("pool not usable", "pool", name, "err", err)
	}
}

func (p *pools) get(name string) (*Pool, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	pool, ok := p.known[name]
	return pool, ok
}

// byUUID returns the open pool with the file system identity id.
func (p *pools) byUUID(id btrfs.UUID) (*Pool, bool) {
	for _, pool := range p.all() {
		if pool.UUID == id {
			return pool, true
		}
	}
	return nil, false
}

// all lists the open pools by name.
func (p *pools) all() []*Pool {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]*Pool, 0, len(p.known))
	for _, pool := range p.known {
		list = append(list, pool)
	}
	slices.SortFunc(list, func(a, b *Pool) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// missing lists, by name, the wanted pools that are not there, and why.
func (p *pools) missing() map[string]error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.absent)
}

// watch looks for pools that come later, until ctx is done.
func (p *pools) watch(ctx context.Context) error {
	return every(ctx, poolInterval, func() {
		if err := p.scan(ctx); err != nil {
			p.log.Warn("pools not listed", "err", err)
		}
	})
}

func (p *pools) close() error {
	var errs []error
	for _, pool := range p.all() {
		errs = append(errs, pool.Close())
	}
	return errors.Join(errs...)
}
