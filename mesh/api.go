package mesh

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"time"

	"btrmesh/mesh/control"
	"btrmesh/state"
	"btrmesh/stream"
)

// api is the Node as its local API sees it: one method per route.
type api struct{ *Node }

// routes registers the whole API in one table.
func (n *Node) routes() {
	a, s := api{n}, n.control
	control.Handle(s, control.RouteStatus, a.status)
	control.Handle(s, control.RouteVersion, a.version)
	control.Handle(s, control.RouteVersions, a.versions)
	control.Handle(s, control.RouteService, a.service)

	control.Handle(s, control.RouteInvite, a.invite)
	control.Handle(s, control.RouteInvites, a.invites)
	control.HandleStream(s, control.RouteInviteFollow, a.followInvite)
	control.Handle(s, control.RouteInviteRevoke, a.revokeInvite)
	control.Handle(s, control.RouteJoin, a.join)

	control.Handle(s, control.RouteDiscover, a.discover)

	control.Handle(s, control.RouteAppliances, a.appliances)
	control.Handle(s, control.RouteAppliance, a.showAppliance)
	control.Handle(s, control.RouteApplianceRename, a.renameAppliance)
	control.Handle(s, control.RouteApplianceAddress, a.changeAddress)
	control.Handle(s, control.RouteApplianceLanes, a.setLanes)
	control.Handle(s, control.RouteApplianceLimit, a.setLimit)
	control.Handle(s, control.RouteApplianceRemove, a.removeAppliance)
	control.Handle(s, control.RouteApplianceKeep, a.keepAppliance)
	control.Handle(s, control.RoutePing, a.ping)
	control.Handle(s, control.RouteThroughput, a.throughput)

	control.Handle(s, control.RoutePools, a.pools)
	control.Handle(s, control.RoutePoolAllow, a.allowPool)
	control.Handle(s, control.RoutePoolDeny, a.denyPool)
	control.Handle(s, control.RouteShares, a.shares)

	control.Handle(s, control.RouteTasks, a.tasks)
	control.Handle(s, control.RouteTask, a.task)
	control.Handle(s, control.RouteTaskAdd, a.addTask)
	control.Handle(s, control.RouteTaskEdit, a.editTask)
	control.Handle(s, control.RouteTaskEnable, a.enableTask)
	control.Handle(s, control.RouteTaskDisable, a.disableTask)
	control.Handle(s, control.RouteTaskRun, a.runTask)
	control.Handle(s, control.RouteTaskCancel, a.cancelTask)
	control.Handle(s, control.RouteTaskHistory, a.taskHistory)
	control.HandleStream(s, control.RouteRunFollow, a.followRun)

	control.Handle(s, control.RouteReplicas, a.replicas)
	control.Handle(s, control.RouteReceiveHistory, a.receiveHistory)
	control.Handle(s, control.RouteHistory, a.history)
}

func (a api) version(context.Context, control.VersionRequest) (control.Version, error) {
	return control.Version{Version: a.cfg.Version, Go: runtime.Version(), Protocol: int64(stream.Protocol().Max)}, nil
}

// service switches the replication service, which is kept in the state.
func (a api) service(_ context.Context, req control.SetService) (control.ServiceChange, error) {
	change := control.ServiceChange{On: req.On}
	err := a.change(req.DryRun, func(tx *state.Tx) error {
		me, _, err := tx.Appliance()
		if err != nil {
			return err
		}
		change.Unchanged = me.ServiceOff == !req.On
		me.ServiceOff = !req.On
		return tx.PutAppliance(me)
	})
	if err != nil {
		return change, err
	}
	running := int64(len(a.runs.all()))
	switch {
	case req.DryRun:
		change.Plan = &control.Plan{Would: "switch the replication service " + onOff(req.On)}
		return change, nil
	case !req.On && req.Now:
		change.CancelledRuns = int64(a.runs.cancelWhere(func(state.Run) bool { return true }, errCancelled))
	case !req.On:
		change.RunningRuns = running
	}
	a.log.Info("replication service", "on", req.On)
	a.wakeUp()
	return change, nil
}

// errDryRun makes a transaction be given up.
var errDryRun = errors.New("dry run")

// change runs fn in a transaction that a dry run gives up.
func (n *Node) change(dry bool, fn func(*state.Tx) error) error {
	err := n.store.Update(func(tx *state.Tx) error {
		if err := fn(tx); err != nil || !dry {
			return err
		}
		return errDryRun
	})
	if errors.Is(err, errDryRun) {
		return nil
	}
	return err
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// status is the overview of this appliance, and of its mesh.
func (a api) status(ctx context.Context, req control.StatusRequest) (control.Status, error) {
	var st control.Status
	var err error
	if st.Appliances, err = a.appliances(ctx, control.AppliancesRequest{}); err != nil {
		return st, err
	}
	if st.Send, err = a.tasks(ctx, control.TasksRequest{}); err != nil {
		return st, err
	}
	if st.Receive, err = a.replicas(ctx, control.ReplicasRequest{}); err != nil {
		return st, err
	}
	on, err := a.serviceOn()
	if err != nil {
		return st, err
	}
	st.Node = control.Node{
		Appliance: a.name(), ID: a.me.String(), Version: a.cfg.Version, UptimeSeconds: time.Since(a.started).Seconds(),
		Port: int64(a.port), ServiceOn: on,
	}
	if st.Pools, err = a.localPools(ctx); err != nil {
		return st, err
	}
	pools, tasks := a.meshView(ctx)
	st.Pools, st.MeshTasks = append(st.Pools, pools...), tasks
	st.Held, st.Twins = a.heldRemovals(), a.twins()
	if req.Appliance != "" {
		if st, err = concerning(st, req.Appliance); err != nil {
			return st, err
		}
	}
	st.Warnings = slices.Concat(a.storeWarnings(), warnings(st, a.Node.pools.missing(), a.shutOutBy()), a.deviceWarnings())
	return st, nil
}

// twins tells of a copied key of this appliance that nobody has settled, and of
// others' that are in use now.
func (n *Node) twins() []control.Twin {
	var list []control.Twin
	if t, open := n.twin(); open {
		list = append(list, control.Twin{Appliance: n.name(), Self: true, Addresses: t.Addresses, HeardAt: t.Heard})
	}
	for _, m := range n.others() {
		v := n.peers.get(m.ID)
		if addresses := v.sights.twins(time.Now()); len(addresses) > 0 {
			list = append(list, control.Twin{Appliance: m.Name, Addresses: addresses, HeardAt: v.seen})
		}
	}
	return list
}

func (n *Node) serviceOn() (bool, error) {
	on := false
	err := n.store.View(func(tx *state.Tx) error {
		me, _, err := tx.Appliance()
		on = !me.ServiceOff
		return err
	})
	return on, err
}
