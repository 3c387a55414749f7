package control

import "time"

// Result says how a run ended, or that it is still running.
type Result string

// The results; both sides give a run the same one.
const (
	ResultRunning   Result = "running"
	ResultOK        Result = "ok" // committed and durable on the target
	ResultUnchanged Result = "unchanged"
	ResultFailed    Result = "failed"
	ResultCancelled Result = "cancelled"
	ResultRefused   Result = "refused"
	ResultPaused    Result = "paused" // its window ended; the next run goes on where it was
)

// Final tells whether the run has ended.
func (r Result) Final() bool { return r != "" && r != ResultRunning }

// Run is one execution of a task as the source saw it.
type Run struct {
	Number         uint64    `json:"run"`
	Task           string    `json:"task"`
	Share          string    `json:"share,omitempty"`
	Target         string    `json:"target,omitempty"`
	TargetPool     string    `json:"target_pool,omitempty"`
	Snapshot       string    `json:"snapshot,omitempty"` // its UTC name; empty when none was needed
	StartedAt      time.Time `json:"started_at,omitzero"`
	EndedAt        time.Time `json:"ended_at,omitzero"`
	TookSeconds    *float64  `json:"took_seconds,omitempty"`
	Kind           string    `json:"kind,omitempty"` // full, incremental; empty when nothing was sent
	SentBytes      int64     `json:"sent_bytes"`     // send stream, before compression
	DataBytes      int64     `json:"data_bytes"`     // data lanes, as they went over the wire
	MetaBytes      int64     `json:"meta_bytes"`     // meta stream, outwards
	MetaInBytes    int64     `json:"meta_in_bytes,omitempty"`
	ResumedBytes   int64     `json:"resumed_bytes,omitempty"`    // send stream, applied by a run that was cut and not sent again
	BytesPerSecond *float64  `json:"bytes_per_second,omitempty"` // mean over SentBytes
	Result         Result    `json:"result"`
	Reason         string    `json:"reason,omitempty"`     // why it failed, in a few words
	Error          *Error    `json:"error,omitempty"`      // the same in full, with its cure
	MadeUpBy       uint64    `json:"made_up_by,omitempty"` // later run that brought the replica up to date
	Progress       *Progress `json:"progress,omitempty"`
	Streams        *Streams  `json:"streams,omitempty"`
	Company
}

// RunTask asks for a run as soon as possible. Full allows a full send of a
// replica that has no snapshot in common any more.
type RunTask struct {
	Task string `json:"-" path:"task"`
	Full bool   `json:"full,omitempty"`
}

// RunStarted answers RunTask: the number of the run that was begun, that will
// begin (Waiting says what it waits for, Cure how not to), or that was running
// already.
type RunStarted struct {
	Task    string `json:"task"`
	Run     uint64 `json:"run"`
	Already bool   `json:"already,omitempty"`
	Waiting string `json:"waiting,omitempty"`
	Cure    string `json:"cure,omitempty"` // a command
}

// FollowRun asks for the progress of one run until it ends.
type FollowRun struct {
	Task string `json:"-" path:"task"`
	Run  uint64 `json:"-" path:"run"`
}

// TaskHistory asks for the newest runs of a task, newest first. Limit 0 means
// 20; SinceSeconds 0 means any age.
type TaskHistory struct {
	Task         string `json:"-" path:"task"`
	Limit        int64  `query:"limit"`
	Failed       bool   `query:"failed"`
	SinceSeconds int64  `query:"since_seconds"`
}
