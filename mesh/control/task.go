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
// OutsideBytesPerSecond; one task alone (task.show) fills the rest.
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

	LimitBytesPerSecond   *int64 `json:"limit_bytes_per_second,omitempty"`   // on the wire; nil: off
	Window                string `json:"window,omitempty"`                   // 22:00-06:00, by the source's clock; empty: any time
	OutsideBytesPerSecond *int64 `json:"outside_bytes_per_second,omitempty"` // the limit outside of Window; nil: no run then

	CreatedAt   time.Time `json:"created_at,omitzero"`
	KeepSource  int64     `json:"keep_source,omitempty"`
	KeepTarget  string    `json:"keep_target,omitempty"`
	Base        string    `json:"base,omitempty"` // newest snapshot on both sides
	Streams     *Streams  `json:"streams,omitempty"`
	Replica     string    `json:"replica,omitempty"`      // SHARE@SOURCE
	ReplicaPath string    `json:"replica_path,omitempty"` // on the target
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
	MetaOutBytes  int64    `json:"meta_out_bytes"`
	MetaInBytes   int64    `json:"meta_in_bytes"`
	DataOutBytes  int64    `json:"data_out_bytes"`
	Lanes         int64    `json:"lanes,omitempty"`          // the most at once
	Transport     string   `json:"transport,omitempty"`      // quic or tcp; empty: not known
	LanesReplaced int64    `json:"lanes_replaced,omitempty"` // that broke down
	LanesReason   string   `json:"lanes_reason,omitempty"`   // why these, for a person
	WireBytes     int64    `json:"wire_bytes,omitempty"`     // of the lanes, with all overhead and repeats
	Chunks        *Chunks  `json:"chunks,omitempty"`
	Codec         string   `json:"codec,omitempty"` // zstd
	Ratio         *float64 `json:"ratio,omitempty"` // send stream bytes per data byte
}

// Chunks counts pieces of a stream by how hard they were compressed.
type Chunks struct {
	Raw     int64 `json:"raw"`
	Fastest int64 `json:"fastest"`
	Default int64 `json:"default"`
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
	Pace
	Dry
}

// Pace is when a new task may send, and how fast. The zero Pace is always and
// unlimited.
type Pace struct {
	LimitBytesPerSecond   int64  `json:"limit_bytes_per_second,omitempty"`   // 0: off
	Window                string `json:"window,omitempty"`                   // 22:00-06:00; empty: any time
	OutsideBytesPerSecond int64  `json:"outside_bytes_per_second,omitempty"` // 0: no run outside of Window
}

// EditTask asks to change a task. What is nil stays as it is. With Window,
// OutsideBytesPerSecond counts too, nil as 0.
type EditTask struct {
	Task                  string  `json:"-" path:"task"`
	EverySeconds          *int64  `json:"every_seconds,omitempty"`
	KeepSource            *int64  `json:"keep_source,omitempty"`
	KeepTarget            *string `json:"keep_target,omitempty"`
	LimitBytesPerSecond   *int64  `json:"limit_bytes_per_second,omitempty"` // 0: off
	Window                *string `json:"window,omitempty"`                 // empty: any time
	OutsideBytesPerSecond *int64  `json:"outside_bytes_per_second,omitempty"`
	Dry
}

// Empty tells whether nothing is to be changed.
func (e EditTask) Empty() bool {
	return e.EverySeconds == nil && e.KeepSource == nil && e.KeepTarget == nil && e.LimitBytesPerSecond == nil && e.Window == nil
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
	Changes   []Fact `json:"changes,omitempty"`   // of an edit: "limit", "off → 5.0 MiB/s"
	Plan      *Plan  `json:"plan,omitempty"`
	// Warnings name what of the share a replica will not hold as it is.
	Warnings []string `json:"warnings,omitempty"`
}
