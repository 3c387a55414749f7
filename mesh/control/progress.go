package control

import "time"

// Progress is how far a run has come. The last one of a followed run carries
// Result and nothing comes after it.
type Progress struct {
	Task                string    `json:"task"`
	Run                 uint64    `json:"run"`
	Share               string    `json:"share,omitempty"`
	Target              string    `json:"target,omitempty"`
	State               State     `json:"state,omitempty"`
	Reason              string    `json:"reason,omitempty"` // what it waits for
	Kind                string    `json:"kind,omitempty"`
	StartedAt           time.Time `json:"started_at,omitzero"`
	DoneBytes           int64     `json:"done_bytes"` // send stream bytes the target has applied
	EstimateBytes       *int64    `json:"estimate_bytes,omitempty"`
	BytesPerSecond      *float64  `json:"bytes_per_second,omitempty"`       // over about 10 s
	LimitBytesPerSecond *int64    `json:"limit_bytes_per_second,omitempty"` // lowest of those that hold; nil: none does
	AtLimit             bool      `json:"at_limit,omitempty"`               // it goes as fast as that allows
	ResumableBytes      *int64    `json:"resumable_bytes,omitempty"`        // position of the last checkpoint
	Result              *Run      `json:"result,omitempty"`
	Company
}

// Fraction returns the part done, 0 to 1, and whether it is known. Done is
// clamped to the estimate, which is an estimate.
func (p Progress) Fraction() (float64, bool) {
	if p.EstimateBytes == nil || *p.EstimateBytes <= 0 {
		return 0, false
	}
	return min(1, max(0, float64(p.DoneBytes)/float64(*p.EstimateBytes))), true
}

// Remaining returns the time the rest will take at the present rate, and
// whether it can be told.
func (p Progress) Remaining() (time.Duration, bool) {
	if p.EstimateBytes == nil || p.BytesPerSecond == nil || *p.BytesPerSecond <= 0 {
		return 0, false
	}
	left := max(0, *p.EstimateBytes-p.DoneBytes)
	seconds := float64(left) / *p.BytesPerSecond
	const longest = 1000 * 24 * 3600 // beyond it a Duration says nothing more
	return time.Duration(min(seconds, longest) * float64(time.Second)), true
}
