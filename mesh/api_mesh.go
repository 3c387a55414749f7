package mesh

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"btrmesh/certs"
	"btrmesh/mesh/control"
	"btrmesh/state"
	"btrmesh/stream"
)

// others lists the members but this appliance, by name.
func (n *Node) others() []certs.Member {
	var list []certs.Member
	for _, m := range n.members.fold().Members {
		if m.ID != n.me {
			list = append(list, m)
		}
	}
	slices.SortFunc(list, func(a, b certs.Member) int { return cmp.Or(cmp.Compare(a.Name, b.Name), a.ID.Compare(b.ID)) })
	return list
}

// meshPools lists the pools of the members asked, as they say.
func (a api) meshPools(ctx context.Context, asked []certs.Member) []control.Pool {
	list := []control.Pool{}
	for _, h := range survey[control.Pool](ctx, a.Node, asked, sectionRequest{Section: sectionPools}) {
		for _, p := range h.items {
			p.Appliance, p.Self, p.AsOf = h.name, false, h.at
			list = append(list, p)
		}
	}
	return list
}

// meshShares lists the shares of the members asked.
func (a api) meshShares(ctx context.Context, asked []certs.Member) []control.Share {
	list := []control.Share{}
	for _, h := range survey[control.Share](ctx, a.Node, asked, sectionRequest{Section: sectionShares}) {
		for _, s := range h.items {
			s.Appliance, s.Self, s.AsOf = h.name, false, h.at
			list = append(list, s)
		}
	}
	return list
}

// meshTasks lists the tasks of the members asked. What was told earlier has
// grown older since.
func (a api) meshTasks(ctx context.Context, asked []certs.Member) []control.MeshTask {
	list := []control.MeshTask{}
	for _, h := range survey[control.Task](ctx, a.Node, asked, sectionRequest{Section: sectionTasks}) {
		for _, t := range h.items {
			list = append(list, control.MeshTask{Appliance: h.name, AsOf: h.at, Task: t})
		}
	}
	return list
}

// survey of pools and tasks together, for a screen that shows both.
func (a api) meshView(ctx context.Context) (pools []control.Pool, tasks []control.MeshTask) {
	asked := a.others()
	var g sync.WaitGroup
	g.Go(func() { pools = a.meshPools(ctx, asked) })
	g.Go(func() { tasks = a.meshTasks(ctx, asked) })
	g.Wait()
	return pools, tasks
}

// history lists runs of both sides, here or of the whole mesh, newest first.
func (a api) history(ctx context.Context, req control.HistoryRequest) ([]control.HistoryRun, error) {
	if req.Send && req.Receive {
		return nil, control.Usage("--send and --receive exclude each other.")
	}
	list, err := a.localHistory(req)
	if err != nil || !req.All {
		return list, err
	}
	for _, h := range survey[control.HistoryRun](ctx, a.Node, a.others(), sectionRequest{Section: sectionHistory, History: req}) {
		for _, r := range h.items {
			r.Appliance, r.Self = h.name, false
			list = append(list, r)
		}
	}
	sortHistory(list)
	return list[:min(len(list), limitOf(req.Limit))], nil
}

// sortHistory puts the newest run first.
func sortHistory(list []control.HistoryRun) {
	slices.SortStableFunc(list, func(a, b control.HistoryRun) int { return b.StartedAt.Compare(a.StartedAt) })
}

// localHistory lists the runs this appliance saw.
func (a api) localHistory(req control.HistoryRequest) ([]control.HistoryRun, error) {
	list := []control.HistoryRun{}
	err := a.store.View(func(tx *state.Tx) error {
		for _, side := range sidesOf(req) {
			runs, err := tx.Runs(state.RunFilter{Side: side, Since: sinceOf(req.SinceSeconds)})
			if err != nil {
				return err
			}
			list = append(list, a.historyOf(tx, runs, req)...)
		}
		return nil
	})
	sortHistory(list)
	return list[:min(len(list), limitOf(req.Limit))], err
}

func sidesOf(req control.HistoryRequest) []state.Side {
	switch {
	case req.Send:
		return []state.Side{state.Send}
	case req.Receive:
		return []state.Side{state.Receive}
	}
	return []state.Side{state.Send, state.Receive}
}

// historyOf shows the runs of one side, which come newest first, task by task.
func (a api) historyOf(tx *state.Tx, runs []state.Run, req control.HistoryRequest) []control.HistoryRun {
	var list []control.HistoryRun
	madeUp := map[string]uint64{}
	for _, rec := range runs {
		if req.Task != "" && rec.Task != req.Task {
			continue
		}
		rec = a.asItStands(rec)
		shown := a.historyRun(tx, rec, madeUp[rec.Task])
		if !req.Failed || shown.Result == control.ResultFailed {
			list = append(list, shown)
		}
		if rec.State == state.Done {
			madeUp[rec.Task] = rec.Number
		}
	}
	return list
}

func (a api) historyRun(tx *state.Tx, rec state.Run, madeUp uint64) control.HistoryRun {
	peer := a.peerName(tx, rec.Peer)
	shown := control.HistoryRun{
		Appliance: a.name(), Self: true, Side: control.SendSide, Number: rec.Number, Task: rec.Task, Share: rec.Share,
		Peer: peer, Pool: rec.Pool, StartedAt: rec.Started, EndedAt: rec.Ended, StreamBytes: rec.StreamBytes,
		DataBytes: rec.DataBytes, MetaBytes: rec.MetaOutBytes, Result: resultOf(rec), Reason: reasonOf(rec),
		Company: companyOf(rec),
	}
	if rec.Side == state.Receive {
		shown.Side, shown.MetaBytes = control.ReceiveSide, rec.MetaInBytes
	}
	shown.Kind, shown.Snapshot = contentOf(rec)
	shown.TookSeconds, shown.BytesPerSecond = paceOfRun(rec)
	if !rec.State.Final() {
		p := progressOf(rec, peer, 0)
		shown.Progress = &p
		return shown
	}
	if rec.State != state.Done {
		shown.MadeUpBy = madeUp
	}
	return shown
}

// versions tells what every appliance runs.
func (a api) versions(ctx context.Context, _ control.VersionsRequest) ([]control.ApplianceVersion, error) {
	p := stream.Protocol()
	list := []control.ApplianceVersion{{
		Appliance: a.name(), Self: true, State: control.Online, Version: a.cfg.Version, Protocol: int64(p.Max), LeastProtocol: int64(p.Min),
	}}
	a.askMembers(ctx, a.others())
	for _, m := range a.others() {
		view := a.peers.get(m.ID)
		v := control.ApplianceVersion{Appliance: m.Name, State: control.Offline, Version: m.Description.Version}
		if view.online {
			v.State = control.Online
		}
		if !view.info.Time.IsZero() {
			v.Version, v.Protocol, v.LeastProtocol = view.info.Version, int64(view.info.Protocol.Max), int64(view.info.Protocol.Min)
		}
		if !view.online && !view.seen.IsZero() {
			v.AsOf = view.seen.UTC()
		}
		list = append(list, v)
	}
	return list, nil
}
