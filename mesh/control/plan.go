package control

// The marks of planned actions, as the command line prints them.
const (
	ActionCreate      = "create"      // +++ a snapshot or share is created
	ActionDelete      = "delete"      // --- a snapshot is deleted
	ActionFull        = "full"        // *** a full receive
	ActionIncremental = "incremental" // >>> an incremental receive
	ActionRefuse      = "refuse"      // !!! refused, Note says why
)

// Dry is the part of a changing request that asks for the plan only.
type Dry struct {
	DryRun bool `json:"dry_run,omitempty"`
}

// IsDry tells whether only the plan is asked for.
func (d Dry) IsDry() bool { return d.DryRun }

// Plan is what a changing command would do. Refused holds the error the real
// command would give.
type Plan struct {
	Would   string          `json:"would"` // continues "Would …": "add task photos-nas-b"
	Task    *TaskPreview    `json:"task,omitempty"`
	Removal *RemovalPreview `json:"removal,omitempty"`
	Facts   []Fact          `json:"facts,omitempty"`
	Actions []Action        `json:"actions,omitempty"`
	Refused *Error          `json:"refused,omitempty"`
}

// Fact is a named line of a plan.
type Fact struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// Action is one line of a plan with its mark.
type Action struct {
	Do      string `json:"do"`      // one of the Action constants
	Kind    string `json:"kind"`    // snapshot, replica, run, grant
	Subject string `json:"subject"` // "photos on nas-a"
	Note    string `json:"note,omitempty"`
}

// TaskPreview is a task that is not there yet, with what was found out about
// it: sizes, space, the grant, and its first run.
type TaskPreview struct {
	Name            string `json:"task"`
	Share           string `json:"share"`
	Pool            string `json:"pool"`
	ReferencedBytes *int64 `json:"referenced_bytes,omitempty"`
	Source          string `json:"source"`
	Target          string `json:"target"`
	TargetPool      string `json:"target_pool"`
	FreeBytes       *int64 `json:"free_bytes,omitempty"`
	Granted         bool   `json:"granted"`
	QuotaBytes      *int64 `json:"quota_bytes,omitempty"`
	EverySeconds    int64  `json:"every_seconds"`
	KeepSource      int64  `json:"keep_source"`
	KeepTarget      string `json:"keep_target"`
	Pace
	FirstKind     string `json:"first_kind,omitempty"` // full or incremental
	EstimateBytes *int64 `json:"estimate_bytes,omitempty"`
	Starts        string `json:"starts,omitempty"` // "at once", or what it waits for
}
