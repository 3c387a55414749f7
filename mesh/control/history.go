package control

import "time"

// The sides of a run.
const (
	SendSide    = "send"
	ReceiveSide = "receive"
)

// HistoryRun is a run as one of its two appliances saw it.
type HistoryRun struct {
	Appliance      string    `json:"appliance"` // that saw it
	Self           bool      `json:"self,omitempty"`
	Side           string    `json:"side"` // SendSide or ReceiveSide
	Number         uint64    `json:"run"`
	Task           string    `json:"task"`
	Share          string    `json:"share,omitempty"`
	Peer           string    `json:"peer"`           // the other appliance
	Pool           string    `json:"pool,omitempty"` // on the target
	Snapshot       string    `json:"snapshot,omitempty"`
	StartedAt      time.Time `json:"started_at,omitzero"`
	EndedAt        time.Time `json:"ended_at,omitzero"`
	TookSeconds    *float64  `json:"took_seconds,omitempty"`
	Kind           string    `json:"kind,omitempty"`             // full, incremental; empty when nothing was sent
	StreamBytes    int64     `json:"stream_bytes"`               // send stream, uncompressed
	DataBytes      int64     `json:"data_bytes"`                 // data lanes
	MetaBytes      int64     `json:"meta_bytes"`                 // meta stream
	BytesPerSecond *float64  `json:"bytes_per_second,omitempty"` // mean over StreamBytes
	Result         Result    `json:"result"`
	Reason         string    `json:"reason,omitempty"`
	MadeUpBy       uint64    `json:"made_up_by,omitempty"`
	Progress       *Progress `json:"progress,omitempty"`
	Company
}

// HistoryRequest asks for the newest runs of both sides, newest first, here or
// with All of every appliance. Send and Receive exclude each other; Limit 0
// means 20, SinceSeconds 0 any age, Task empty every task.
type HistoryRequest struct {
	All          bool   `query:"all"`
	Send         bool   `query:"send"`
	Receive      bool   `query:"receive"`
	Task         string `query:"task"`
	Failed       bool   `query:"failed"`
	SinceSeconds int64  `query:"since_seconds"`
	Limit        int64  `query:"limit"`
}
