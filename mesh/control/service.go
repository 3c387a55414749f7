package control

// SetService asks to switch the replication service of this appliance; Now
// also cancels running transfers at a checkpoint.
type SetService struct {
	On  bool `json:"on"`
	Now bool `json:"now,omitempty"`
	Dry
}

// ServiceChange answers SetService; for a dry run only Plan counts.
type ServiceChange struct {
	On            bool  `json:"on"`
	Unchanged     bool  `json:"unchanged,omitempty"`
	RunningRuns   int64 `json:"running_runs,omitempty"`   // that go on to their end
	CancelledRuns int64 `json:"cancelled_runs,omitempty"` // that were told to stop
	Plan          *Plan `json:"plan,omitempty"`
}
