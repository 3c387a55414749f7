package control

// The routes of the API, in the order of the command tree. They are constant
// by agreement: Go has no constant structs.
var (
	RouteStatus   = Route[StatusRequest, Status]{"GET", "/v1/status", Read, "status"}
	RouteVersion  = Route[VersionRequest, Version]{"GET", "/v1/version", Read, "version"}
	RouteVersions = Route[VersionsRequest, []ApplianceVersion]{"GET", "/v1/versions", Read, "version.list"}
	RouteService  = Route[SetService, ServiceChange]{"POST", "/v1/service", Change, "service"}

	RouteInvite       = Route[CreateInvite, Invite]{"POST", "/v1/pair/invites", Change, "pair.invite"}
	RouteInvites      = Route[InvitesRequest, []Invite]{"GET", "/v1/pair/invites", Read, "pair.list"}
	RouteInviteFollow = Route[InviteRequest, Invite]{"GET", "/v1/pair/invites/{invite}/follow", Read, "pair.invite"}
	RouteInviteRevoke = Route[InviteRequest, Invite]{"POST", "/v1/pair/invites/{invite}/revoke", Change, "pair.revoke"}
	RouteJoin         = Route[JoinMesh, Joined]{"POST", "/v1/pair/join", Change, "pair.join"}

	RouteDiscover = Route[DiscoverRequest, []Discovered]{"GET", "/v1/pair/discover", Read, "pair.discover"}

	RouteAppliances       = Route[AppliancesRequest, []Appliance]{"GET", "/v1/appliances", Read, "appliance.list"}
	RouteAppliance        = Route[ApplianceRequest, Appliance]{"GET", "/v1/appliances/{appliance}", Read, "appliance.show"}
	RouteApplianceRename  = Route[RenameAppliance, Renamed]{"POST", "/v1/name", Change, "appliance.rename"}
	RouteApplianceAddress = Route[ChangeAddress, AddressChange]{"POST", "/v1/appliances/{appliance}/addresses", Change, "appliance.address"}
	RouteApplianceLanes   = Route[SetLanes, LineChange]{"POST", "/v1/appliances/{appliance}/lanes", Change, "appliance.lanes"}
	RouteApplianceLimit   = Route[SetLimit, LineChange]{"POST", "/v1/appliances/{appliance}/limit", Change, "appliance.limit"}
	RouteApplianceRemove  = Route[RemoveAppliance, MemberChange]{"POST", "/v1/appliances/{appliance}/remove", Change, "appliance.remove"}
	RouteApplianceKeep    = Route[KeepAppliance, MemberChange]{"POST", "/v1/appliances/{appliance}/keep", Change, "appliance.keep"}
	RoutePing             = Route[ApplianceRequest, Ping]{"GET", "/v1/appliances/{appliance}/ping", Read, "ping"}
	RouteThroughput       = Route[ApplianceRequest, Throughput]{"POST", "/v1/appliances/{appliance}/throughput", Change, "throughput"}

	RoutePools     = Route[PoolsRequest, []Pool]{"GET", "/v1/pools", Read, "pool.list"}
	RoutePoolAllow = Route[AllowPool, GrantChange]{"POST", "/v1/pools/{pool}/allow", Change, "pool.allow"}
	RoutePoolDeny  = Route[DenyPool, GrantChange]{"POST", "/v1/pools/{pool}/deny", Change, "pool.deny"}
	RouteShares    = Route[SharesRequest, []Share]{"GET", "/v1/shares", Read, "share.list"}

	RouteTasks       = Route[TasksRequest, []Task]{"GET", "/v1/tasks", Read, "task.list"}
	RouteTask        = Route[TaskRequest, Task]{"GET", "/v1/tasks/{task}", Read, "task.show"}
	RouteTaskAdd     = Route[AddTask, TaskChange]{"POST", "/v1/tasks", Change, "task.add"}
	RouteTaskEdit    = Route[EditTask, TaskChange]{"POST", "/v1/tasks/{task}/edit", Change, "task.edit"}
	RouteTaskEnable  = Route[EnableTask, TaskChange]{"POST", "/v1/tasks/{task}/enable", Change, "task.enable"}
	RouteTaskDisable = Route[DisableTask, TaskChange]{"POST", "/v1/tasks/{task}/disable", Change, "task.disable"}
	RouteTaskRun     = Route[RunTask, RunStarted]{"POST", "/v1/tasks/{task}/run", Change, "task.run"}
	RouteTaskCancel  = Route[CancelTask, TaskChange]{"POST", "/v1/tasks/{task}/cancel", Change, "task.cancel"}
	RouteTaskHistory = Route[TaskHistory, []Run]{"GET", "/v1/tasks/{task}/history", Read, "task.history"}
	RouteRunFollow   = Route[FollowRun, Progress]{"GET", "/v1/tasks/{task}/runs/{run}/follow", Read, "task.progress"}

	RouteReplicas       = Route[ReplicasRequest, []Replica]{"GET", "/v1/receive", Read, "receive.list"}
	RouteReceiveHistory = Route[ReceiveHistory, []Receipt]{"GET", "/v1/receive/{replica}/history", Read, "receive.history"}
	RouteHistory        = Route[HistoryRequest, []HistoryRun]{"GET", "/v1/history", Read, "history"}
)
