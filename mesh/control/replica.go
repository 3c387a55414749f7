package control

import "time"

// Replica is one replica on this appliance, the Receive side's row.
type Replica struct {
	Name           string    `json:"replica"` // SHARE@SOURCE
	Task           string    `json:"task,omitempty"`
	Source         string    `json:"source"`
	Share          string    `json:"share"`
	Pool           string    `json:"pool"`
	EverySeconds   int64     `json:"every_seconds,omitempty"`
	LastReceivedAt time.Time `json:"last_received_at,omitzero"`
	LagSeconds     *float64  `json:"lag_seconds,omitempty"`
	State          State     `json:"state"`
	Reason         string    `json:"reason,omitempty"`
	Path           string    `json:"path,omitempty"`
	Snapshots      *int64    `json:"snapshots,omitempty"`
	Progress       *Progress `json:"progress,omitempty"`
}

// Receipt is one run as the target saw it.
type Receipt struct {
	Number         uint64    `json:"run"`
	Replica        string    `json:"replica"`
	Task           string    `json:"task,omitempty"`
	Source         string    `json:"source"`
	Snapshot       string    `json:"snapshot,omitempty"`
	StartedAt      time.Time `json:"started_at,omitzero"`
	ReceivedAt     time.Time `json:"received_at,omitzero"` // when it was committed, or ended
	TookSeconds    *float64  `json:"took_seconds,omitempty"`
	Kind           string    `json:"kind,omitempty"`
	WrittenBytes   int64     `json:"written_bytes"` // send stream, after decompression
	DataBytes      int64     `json:"data_bytes"`
	MetaBytes      int64     `json:"meta_bytes"`
	BytesPerSecond *float64  `json:"bytes_per_second,omitempty"`
	Result         Result    `json:"result"`
	Reason         string    `json:"reason,omitempty"`
	Progress       *Progress `json:"progress,omitempty"`
}

// ReplicasRequest asks for all replicas here.
type ReplicasRequest struct{}

// ReceiveHistory asks for the newest runs into one replica, newest first.
// Limit 0 means 20; SinceSeconds 0 means any age.
type ReceiveHistory struct {
	Replica      string `json:"-" path:"replica"`
	Limit        int64  `query:"limit"`
	Failed       bool   `query:"failed"`
	SinceSeconds int64  `query:"since_seconds"`
}
