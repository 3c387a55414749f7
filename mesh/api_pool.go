package mesh

import (
	"context"
	"errors"
	"fmt"
	"time"

	"btrmesh/btrfs"
	"btrmesh/certs"
	"btrmesh/mesh/control"
	"btrmesh/state"
	"btrmesh/stream"
)

// pools lists the pools of this appliance, of another, or of all.
func (a api) pools(ctx context.Context, req control.PoolsRequest) ([]control.Pool, error) {
	return overMesh(ctx, a, req.On, req.All, sectionPools, a.localPools, a.meshPools)
}

// overMesh lists something of this appliance, of another, or of all, by the
// functions that list it here and there.
func overMesh[T any](
	ctx context.Context, a api, on string, all bool, s section,
	here func(context.Context) ([]T, error), there func(context.Context, []certs.Member) []T,
) ([]T, error) {
	if all {
		list, err := here(ctx)
		if err != nil {
			return nil, err
		}
		return append(list, there(ctx, a.others())...), nil
	}
	if on == "" {
		return here(ctx)
	}
	p, err := a.peerMeant(on)
	if err != nil {
		return nil, err
	}
	if p.ID == a.me {
		return here(ctx)
	}
	if err := a.reachable(ctx, p); err != nil && a.memory.get(p.ID, s).at.IsZero() {
		return nil, err // nothing is known of it at all
	}
	return there(ctx, []certs.Member{a.members.fold().Members[p.ID]}), nil
}

// reachable tries a member that is taken for offline before that is believed.
func (n *Node) reachable(ctx context.Context, p state.Peer) error {
	if n.peers.get(p.ID).online {
		return nil
	}
	_, err := n.infoOf(ctx, p)
	if err == nil {
		n.peers.change(p.ID, func(v *peerView) { v.online, v.seen = true, time.Now() })
	}
	return err
}

// infoOf asks a peer how it is, with an error in an operator's words.
func (n *Node) infoOf(ctx context.Context, p state.Peer) (stream.Info, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	info, err := n.info(ctx, p.ID)
	if errors.Is(err, context.DeadlineExceeded) {
		err = n.timedOut(p.ID)
	}
	if err != nil {
		return info, explainer{here: n.name(), there: p.Name}.explain(err)
	}
	return info, nil
}

// timedOut is the error of a peer that did not answer in askTimeout.
func (n *Node) timedOut(id certs.ID) error {
	gone := &stream.UnreachableError{Peer: id}
	for _, a := range n.addresses(id) {
		gone.Tried = append(gone.Tried, stream.Attempt{Addr: a, Why: "timeout " + control.Duration(askTimeout)})
	}
	return gone
}

func (n *Node) peerMeant(given string) (state.Peer, error) {
	var p state.Peer
	err := n.store.View(func(tx *state.Tx) (err error) {
		p, err = n.findPeer(tx, given)
		return err
	})
	return p, err
}

func (a api) localPools(ctx context.Context) ([]control.Pool, error) {
	list := []control.Pool{}
	for _, p := range a.Node.pools.all() {
		shown, err := a.pool(ctx, p)
		if err != nil {
			return nil, err
		}
		list = append(list, shown)
	}
	for name := range a.Node.pools.missing() {
		list = append(list, control.Pool{Appliance: a.name(), Self: true, Name: name})
	}
	return list, nil
}

func (a api) pool(ctx context.Context, p *Pool) (control.Pool, error) {
	shown := control.Pool{Appliance: a.name(), Self: true, Name: p.Name, UUID: p.UUID.String(), Path: p.Path}
	space, err := p.Space()
	if err != nil {
		return shown, fmt.Errorf("space of pool %s: %w", p.Name, err)
	}
	shown.SizeBytes, shown.FreeBytes, shown.Profile = bytesOf(space.Total), bytesOf(space.Free), space.Profile
	replicas, err := p.Replicas.Replicas(ctx)
	if err != nil {
		return shown, fmt.Errorf("replicas of pool %s: %w", p.Name, err)
	}
	shown.Replicas = int64(len(replicas))
	return shown, a.store.View(func(tx *state.Tx) error {
		grants, err := tx.Grants()
		for _, g := range grants {
			if g.Pool == p.UUID {
				shown.ReceivesFrom = append(shown.ReceivesFrom, a.grant(tx, g, usedBy(replicas, g.Peer.String())))
			}
		}
		return err
	})
}

func (a api) grant(tx *state.Tx, g state.Grant, used uint64) control.Grant {
	shown := control.Grant{Appliance: a.peerName(tx, g.Peer), QuotaBytes: quotaOf(g.QuotaBytes), UsedBytes: bytesOf(used), Shares: g.Shares, GivenAt: g.Given}
	if g.MinKeep > 0 {
		keep := int64(g.MinKeep / time.Second)
		shown.MinKeepSeconds = &keep
	}
	return shown
}

func bytesOf(n uint64) *int64 {
	v := int64(min(n, 1<<62))
	return &v
}

func quotaOf(n uint64) *int64 {
	if n == 0 {
		return nil
	}
	return bytesOf(n)
}

// localPool returns the pool of this appliance that a name or a unique prefix
// of one means.
func (n *Node) localPool(given string) (*Pool, error) {
	var names []string
	var known []control.Pool
	for _, p := range n.pools.all() {
		names = append(names, p.Name)
		shown := control.Pool{Name: p.Name}
		if space, err := p.Space(); err == nil {
			shown.FreeBytes = bytesOf(space.Free)
		}
		known = append(known, shown)
	}
	name, err := control.Resolve("pool", given, names)
	var no *control.Error
	if errors.As(err, &no) && no.Code == control.CodePoolNotFound {
		return nil, control.PoolNotFound(n.name(), given, known)
	}
	if err != nil {
		return nil, err
	}
	p, _ := n.pools.get(name)
	return p, nil
}

// poolNames lists the pools with their free space, for a source that named one
// which is not here.
func (n *Node) poolNames() []string {
	var list []string
	for _, p := range n.pools.all() {
		text := p.Name
		if space, err := p.Space(); err == nil {
			text = fmt.Sprintf("%s, %s free", p.Name, size(space.Free))
		}
		list = append(list, text)
	}
	return list
}

// allowPool lets an appliance write into a pool here.
func (a api) allowPool(_ context.Context, req control.AllowPool) (control.GrantChange, error) {
	pool, err := a.localPool(req.Pool)
	if err != nil {
		return control.GrantChange{}, err
	}
	if req.QuotaBytes < 0 || req.MinKeepSeconds < 0 {
		return control.GrantChange{}, control.Usage("quota and keep cannot be negative.")
	}
	change := control.GrantChange{Pool: pool.Name}
	err = a.change(req.DryRun, func(tx *state.Tx) error {
		peer, err := a.otherPeer(tx, req.Appliance)
		if err != nil {
			return err
		}
		g := state.Grant{
			Peer: peer.ID, Pool: pool.UUID, PoolName: pool.Name, QuotaBytes: uint64(req.QuotaBytes), Shares: req.Shares,
			MinKeep: time.Duration(req.MinKeepSeconds) * time.Second, Given: time.Now().UTC(),
		}
		shown := a.grant(tx, g, 0)
		shown.UsedBytes = nil
		change.Appliance, change.Grant = peer.Name, &shown
		return tx.PutGrant(g)
	})
	if err != nil {
		return change, err
	}
	if req.DryRun {
		change.Plan = &control.Plan{Would: fmt.Sprintf("let %s write into %s", change.Appliance, pool.Name)}
		return change, nil
	}
	a.log.Info("grant given", "peer", change.Appliance, "pool", pool.Name, "quota", req.QuotaBytes)
	return change, nil
}

// denyPool withdraws a grant and ends what is being received under it at once.
func (a api) denyPool(ctx context.Context, req control.DenyPool) (control.GrantChange, error) {
	pool, err := a.localPool(req.Pool)
	if err != nil {
		return control.GrantChange{}, err
	}
	change := control.GrantChange{Pool: pool.Name}
	var peer state.Peer
	err = a.change(req.DryRun, func(tx *state.Tx) error {
		if peer, err = a.otherPeer(tx, req.Appliance); err != nil {
			return err
		}
		_, had, err := tx.Grant(peer.ID, pool.UUID)
		change.Appliance, change.Unchanged = peer.Name, !had
		if err != nil {
			return err
		}
		return tx.DeleteGrant(peer.ID, pool.UUID)
	})
	if err != nil {
		return change, err
	}
	replicas, err := pool.Replicas.Replicas(ctx)
	for _, r := range replicas {
		if r.Source == peer.ID.String() {
			change.Replicas++
		}
	}
	if err != nil || req.DryRun {
		change.Plan = &control.Plan{Would: fmt.Sprintf("no longer let %s write into %s", peer.Name, pool.Name)}
		return change, err
	}
	change.StoppedRuns = int64(a.runs.cancelWhere(func(r state.Run) bool {
		return r.Side == state.Receive && r.Peer == peer.ID && r.Pool == pool.Name
	}, errDenied))
	a.log.Info("grant withdrawn", "peer", peer.Name, "pool", pool.Name)
	return change, nil
}

// shares lists the shares of this appliance, of another, or of all.
func (a api) shares(ctx context.Context, req control.SharesRequest) ([]control.Share, error) {
	return overMesh(ctx, a, req.On, req.All, sectionShares, a.localShares, a.meshShares)
}

// localShares lists the shares of this appliance.
func (a api) localShares(ctx context.Context) ([]control.Share, error) {
	tasks, err := a.tasks(ctx, control.TasksRequest{})
	if err != nil {
		return nil, err
	}
	list := []control.Share{}
	for _, p := range a.Node.pools.all() {
		found, err := p.Shares.Shares(ctx)
		if err != nil {
			return nil, fmt.Errorf("shares of pool %s: %w", p.Name, err)
		}
		snaps, err := p.Snapshots.Snapshots(ctx)
		if err != nil {
			return nil, fmt.Errorf("snapshots of pool %s: %w", p.Name, err)
		}
		for _, s := range found {
			list = append(list, a.share(p, s, snaps, tasks))
		}
	}
	return list, nil
}

func (a api) share(p *Pool, s btrfs.Share, snaps []btrfs.Snapshot, tasks []control.Task) control.Share {
	shown := control.Share{Appliance: a.name(), Self: true, Name: s.Name, Pool: p.Name, Path: p.Path + "/" + s.Name}
	if s.Referenced >= 0 {
		shown.ReferencedBytes = &s.Referenced
	}
	for _, snap := range snaps {
		if snap.ShareUUID == s.UUID {
			shown.Snapshots++
		}
	}
	for _, t := range tasks {
		if t.Share != s.Name || t.Pool != p.Name {
			continue
		}
		shown.ReplicatesTo = append(shown.ReplicatesTo, control.ShareTarget{Appliance: t.Target, Task: t.Name, State: t.State})
		if t.LagSeconds != nil && (shown.WorstLagSeconds == nil || *t.LagSeconds > *shown.WorstLagSeconds) {
			shown.WorstLagSeconds = t.LagSeconds
		}
	}
	return shown
}
