package control

import "time"

// State says where a task or a replica stands, in one word.
type State string

// The states. A new one may appear; a consumer shows the word.
const (
	StateOK        State = "ok"
	StateSending   State = "sending"
	StateReceiving State = "receiving"
	StateWaiting   State = "waiting" // Reason says for what
	StateLate      State = "late"    // Reason says why
	StateFailed    State = "failed"
	StateRefused   State = "refused"
	StatePaused    State = "paused"
	StateDisabled  State = "disabled"
)

// Task is one replication task, the Send side's row. Lists fill it up to
// Progress; one task alone (task.show) fills the rest.
type Task struct {
	Name         string    `json:"task"`
	Share        string    `json:"share"`
	Pool         string    `json:"pool"`
	Target       string    `json:"target"` // name of the target appliance
	TargetPool   string    `json:"target_pool"`
	EverySeconds int64     `json:"every_seconds"`
	Enabled      bool      `json:"enabled"`
	ChangedAt    time.Time `json:"changed_at,omitzero"` // when it was last enabled or disabled
	LagSeconds   *float64  `json:"lag_seconds,omitempty"`
	State        State     `json:"state"`
	Reason       string    `json:"reason,omitempty"`   // why State, without the word itself
	NextAt       time.Time `json:"next_at,omitzero"`   // next run or try; zero when an event decides
	Last         *LastRun  `json:"last,omitempty"`     // newest run that ended
	Progress     *Progress `json:"progress,omitempty"` // the run going on

	CreatedAt           time.Time `json:"created_at,omitzero"`
	KeepSource          int64     `json:"keep_source,omitempty"`
	KeepTarget          string    `json:"keep_target,omitempty"`
	LimitBytesPerSecond *int64    `json:"limit_bytes_per_second,omitempty"` // nil: off
	Window              string    `json:"window,omitempty"`                 // empty: any time
	Base                string    `json:"base,omitempty"`                   // newest snapshot on both sides
	Streams             *Streams  `json:"streams,omitempty"`
	Replica             string    `json:"replica,omitempty"`      // SHARE@SOURCE
	ReplicaPath         string    `json:"replica_path,omitempty"` // on the target
}

// MeshTask is a task of another appliance, as that one told it.
type MeshTask struct {
	Appliance string    `json:"appliance"`      // the source
	AsOf      time.Time `json:"as_of,omitzero"` // when it was so; zero: now
	Task
}

// LastRun is the outcome of a task's newest finished run.
type LastRun struct {
	Run    uint64    `json:"run"`
	Result Result    `json:"result"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
	Company
}

// Streams counts what the current run, or else the last one, moved over its
// meta stream and its data lanes.
type Streams struct {
	MetaOutBytes int64    `json:"meta_out_bytes"`
	MetaInBytes  int64    `json:"meta_in_bytes"`
	DataOutBytes int64    `json:"data_out_bytes"`
	Lanes        int64    `json:"lanes,omitempty"`
	Transport    string   `json:"transport,omitempty"` // quic or tcp
	Codec        string   `json:"codec,omitempty"`     // zstd
	Ratio        *float64 `json:"ratio,omitempty"`     // send stream bytes per data byte
}

// TasksRequest asks for the list of tasks. Enabled and Disabled exclude each
// other; Late keeps only tasks behind their frequency.
type TasksRequest struct {
	Enabled  bool `query:"enabled"`
	Disabled bool `query:"disabled"`
	Late     bool `query:"late"`
}

// TaskRequest names one task, by its name or a unique prefix.
type TaskRequest struct {
	Task string `json:"-" path:"task"`
}

// AddTask asks for a new task. Name is by default SHARE-APPLIANCE, KeepSource
// 2 (at 0), KeepTarget "last=24,daily=7,weekly=4" (when empty).
type AddTask struct {
	Share        string `json:"share"`
	To           string `json:"to"`
	Pool         string `json:"pool"`
	Name         string `json:"name,omitempty"`
	EverySeconds int64  `json:"every_seconds"`
	KeepSource   int64  `json:"keep_source,omitempty"`
	KeepTarget   string `json:"keep_target,omitempty"`
	Dry
}

// EnableTask asks to enable a task.
type EnableTask struct {
	Task string `json:"-" path:"task"`
	Dry
}

// DisableTask asks to disable a task; Now also cancels its running transfer.
type DisableTask struct {
	Task string `json:"-" path:"task"`
	Now  bool   `json:"now,omitempty"`
	Dry
}

// CancelTask asks to cancel the running transfer of a task at a checkpoint.
type CancelTask struct {
	Task string `json:"-" path:"task"`
}

// TaskChange answers a change of a task: the task as it is now and, where one
// is going on, the run; or, for a dry run, the plan alone.
type TaskChange struct {
	Task      *Task  `json:"task,omitempty"`
	Run       uint64 `json:"run,omitempty"`
	Cancelled bool   `json:"cancelled,omitempty"` // Run was told to stop
	Unchanged bool   `json:"unchanged,omitempty"` // it was so already
	Plan      *Plan  `json:"plan,omitempty"`
	// Warnings name what of the share a replica will not hold as it is.
	Warnings []string `json:"warnings,omitempty"`
}
