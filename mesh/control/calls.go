package control

import "context"

// The requests of the API, one method each; errors are those of Call.

// Status returns the overview.
func (c *Client) Status(ctx context.Context, req StatusRequest) (Answer[Status], error) {
	return Call(ctx, c, RouteStatus, req)
}

// Version returns the daemon's version.
func (c *Client) Version(ctx context.Context) (Answer[Version], error) {
	return Call(ctx, c, RouteVersion, VersionRequest{})
}

// Versions returns what every appliance runs.
func (c *Client) Versions(ctx context.Context) (Answer[[]ApplianceVersion], error) {
	return Call(ctx, c, RouteVersions, VersionsRequest{})
}

// SetService switches the replication service.
func (c *Client) SetService(ctx context.Context, req SetService) (Answer[ServiceChange], error) {
	return Call(ctx, c, RouteService, req)
}

// CreateInvite opens an invite.
func (c *Client) CreateInvite(ctx context.Context, req CreateInvite) (Answer[Invite], error) {
	return Call(ctx, c, RouteInvite, req)
}

// Invites lists the open invites.
func (c *Client) Invites(ctx context.Context) (Answer[[]Invite], error) {
	return Call(ctx, c, RouteInvites, InvitesRequest{})
}

// RevokeInvite closes an invite.
func (c *Client) RevokeInvite(ctx context.Context, req InviteRequest) (Answer[Invite], error) {
	return Call(ctx, c, RouteInviteRevoke, req)
}

// Join joins another appliance's mesh.
func (c *Client) Join(ctx context.Context, req JoinMesh) (Answer[Joined], error) {
	return Call(ctx, c, RouteJoin, req)
}

// Appliances lists the members of the mesh.
func (c *Client) Appliances(ctx context.Context, req AppliancesRequest) (Answer[[]Appliance], error) {
	return Call(ctx, c, RouteAppliances, req)
}

// Discover listens for appliances that announce themselves.
func (c *Client) Discover(ctx context.Context, req DiscoverRequest) (Answer[[]Discovered], error) {
	return Call(ctx, c, RouteDiscover, req)
}

// Appliance returns one appliance in full.
func (c *Client) Appliance(ctx context.Context, req ApplianceRequest) (Answer[Appliance], error) {
	return Call(ctx, c, RouteAppliance, req)
}

// RenameAppliance renames this appliance.
func (c *Client) RenameAppliance(ctx context.Context, req RenameAppliance) (Answer[Renamed], error) {
	return Call(ctx, c, RouteApplianceRename, req)
}

// ChangeAddress adds or removes an address of an appliance.
func (c *Client) ChangeAddress(ctx context.Context, req ChangeAddress) (Answer[AddressChange], error) {
	return Call(ctx, c, RouteApplianceAddress, req)
}

// SetLanes chooses what carries data to an appliance.
func (c *Client) SetLanes(ctx context.Context, req SetLanes) (Answer[LineChange], error) {
	return Call(ctx, c, RouteApplianceLanes, req)
}

// SetLimit bounds what goes to an appliance.
func (c *Client) SetLimit(ctx context.Context, req SetLimit) (Answer[LineChange], error) {
	return Call(ctx, c, RouteApplianceLimit, req)
}

// RemoveAppliance removes an appliance from the mesh.
func (c *Client) RemoveAppliance(ctx context.Context, req RemoveAppliance) (Answer[MemberChange], error) {
	return Call(ctx, c, RouteApplianceRemove, req)
}

// KeepAppliance keeps an appliance that others removed.
func (c *Client) KeepAppliance(ctx context.Context, req KeepAppliance) (Answer[MemberChange], error) {
	return Call(ctx, c, RouteApplianceKeep, req)
}

// Ping measures the way to an appliance once.
func (c *Client) Ping(ctx context.Context, req ApplianceRequest) (Answer[Ping], error) {
	return Call(ctx, c, RoutePing, req)
}

// Throughput measures what lanes to an appliance carry.
func (c *Client) Throughput(ctx context.Context, req ApplianceRequest) (Answer[Throughput], error) {
	return Call(ctx, c, RouteThroughput, req)
}

// Pools lists pools.
func (c *Client) Pools(ctx context.Context, req PoolsRequest) (Answer[[]Pool], error) {
	return Call(ctx, c, RoutePools, req)
}

// AllowPool grants an appliance a pool.
func (c *Client) AllowPool(ctx context.Context, req AllowPool) (Answer[GrantChange], error) {
	return Call(ctx, c, RoutePoolAllow, req)
}

// DenyPool withdraws a grant.
func (c *Client) DenyPool(ctx context.Context, req DenyPool) (Answer[GrantChange], error) {
	return Call(ctx, c, RoutePoolDeny, req)
}

// Shares lists shares.
func (c *Client) Shares(ctx context.Context, req SharesRequest) (Answer[[]Share], error) {
	return Call(ctx, c, RouteShares, req)
}

// Tasks lists tasks.
func (c *Client) Tasks(ctx context.Context, req TasksRequest) (Answer[[]Task], error) {
	return Call(ctx, c, RouteTasks, req)
}

// Task returns one task in full.
func (c *Client) Task(ctx context.Context, req TaskRequest) (Answer[Task], error) {
	return Call(ctx, c, RouteTask, req)
}

// AddTask adds a task.
func (c *Client) AddTask(ctx context.Context, req AddTask) (Answer[TaskChange], error) {
	return Call(ctx, c, RouteTaskAdd, req)
}

// EditTask changes a task.
func (c *Client) EditTask(ctx context.Context, req EditTask) (Answer[TaskChange], error) {
	return Call(ctx, c, RouteTaskEdit, req)
}

// EnableTask enables a task.
func (c *Client) EnableTask(ctx context.Context, req EnableTask) (Answer[TaskChange], error) {
	return Call(ctx, c, RouteTaskEnable, req)
}

// DisableTask disables a task.
func (c *Client) DisableTask(ctx context.Context, req DisableTask) (Answer[TaskChange], error) {
	return Call(ctx, c, RouteTaskDisable, req)
}

// RunTask asks for a run.
func (c *Client) RunTask(ctx context.Context, req RunTask) (Answer[RunStarted], error) {
	return Call(ctx, c, RouteTaskRun, req)
}

// CancelTask cancels a task's running transfer.
func (c *Client) CancelTask(ctx context.Context, req CancelTask) (Answer[TaskChange], error) {
	return Call(ctx, c, RouteTaskCancel, req)
}

// TaskHistory lists a task's runs.
func (c *Client) TaskHistory(ctx context.Context, req TaskHistory) (Answer[[]Run], error) {
	return Call(ctx, c, RouteTaskHistory, req)
}

// Replicas lists the replicas here.
func (c *Client) Replicas(ctx context.Context) (Answer[[]Replica], error) {
	return Call(ctx, c, RouteReplicas, ReplicasRequest{})
}

// ReceiveHistory lists the runs into a replica.
func (c *Client) ReceiveHistory(ctx context.Context, req ReceiveHistory) (Answer[[]Receipt], error) {
	return Call(ctx, c, RouteReceiveHistory, req)
}

// History lists runs of both sides.
func (c *Client) History(ctx context.Context, req HistoryRequest) (Answer[[]HistoryRun], error) {
	return Call(ctx, c, RouteHistory, req)
}

// FollowRun calls fn with the progress of a run; the last one has its result.
func (c *Client) FollowRun(ctx context.Context, req FollowRun, fn func(Answer[Progress]) error) error {
	return Follow(ctx, c, RouteRunFollow, req, fn)
}

// FollowInvite calls fn with an invite at once, and again when its state has
// changed; that one is the last.
func (c *Client) FollowInvite(ctx context.Context, req InviteRequest, fn func(Answer[Invite]) error) error {
	return Follow(ctx, c, RouteInviteFollow, req, fn)
}
