package state

import (
	"fmt"
	"time"

	"btrmesh/btrfs"
	"btrmesh/certs"
)

// Task is a replication task of this appliance as the source. Tasks are never
// deleted, so that their history stays.
type Task struct {
	Name         string     `cbor:"1,keyasint,omitzero"` // at most 63 bytes
	Share        string     `cbor:"2,keyasint,omitzero"`
	ShareUUID    btrfs.UUID `cbor:"3,keyasint,omitzero"`
	Pool         btrfs.UUID `cbor:"4,keyasint,omitzero"` // of the share, here
	PoolName     string     `cbor:"5,keyasint,omitzero"`
	Target       certs.ID   `cbor:"6,keyasint,omitzero"`
	TargetPool   string     `cbor:"7,keyasint,omitzero"` // its name there
	EverySeconds uint32     `cbor:"8,keyasint,omitzero"` // >= 60
	Enabled      bool       `cbor:"9,keyasint,omitzero"`
	Changed      time.Time  `cbor:"10,keyasint,omitzero"` // last enabled or disabled
	KeepSource   uint32     `cbor:"11,keyasint,omitzero"` // newest snapshots kept here
	KeepTarget   string     `cbor:"12,keyasint,omitzero"` // as plan.ParseKeep reads it
	Created      time.Time  `cbor:"13,keyasint,omitzero"`

	NextRun       uint64     `cbor:"14,keyasint,omitzero"` // number of the next run
	FreshAt       time.Time  `cbor:"15,keyasint,omitzero"` // newest moment known to be committed there
	LastCommitted string     `cbor:"16,keyasint,omitzero"` // name of that snapshot
	Base          btrfs.UUID `cbor:"17,keyasint,omitzero"` // newest common snapshot known; what is on disk decides
	Failures      uint32     `cbor:"18,keyasint,omitzero"` // in a row
	NextTry       time.Time  `cbor:"19,keyasint,omitzero"` // after a failure
	RunRequested  time.Time  `cbor:"20,keyasint,omitzero"` // zero: not requested
	FullRequested bool       `cbor:"21,keyasint,omitzero"` // the operator's word for a full send
	ReplicaPath   string     `cbor:"22,keyasint,omitzero"` // on the target, as it says
	Pending       btrfs.UUID `cbor:"23,keyasint,omitzero"` // snapshot of a cut run, which the next one goes on with

	LimitBytes   int64         `cbor:"24,keyasint,omitzero"` // per second on the wire; 0: none
	Window       string        `cbor:"25,keyasint,omitzero"` // as plan.ParseWindow reads it; empty: any time
	OutsideBytes int64         `cbor:"26,keyasint,omitzero"` // per second outside of Window; 0: no run then
	Took         time.Duration `cbor:"27,keyasint,omitzero"` // by the last run if it was incremental
	Busy         string        `cbor:"28,keyasint,omitzero"` // what the target is occupied with; NextTry is when it is asked again
}

// Task returns the task called name, false if there is none.
func (tx *Tx) Task(name string) (Task, bool, error) { return get[Task](tx, taskKey(name)) }

// PutTask adds t or replaces the one of its name. It fails if that is not 1 to
// 63 of A-Z a-z 0-9 _ . -
func (tx *Tx) PutTask(t Task) error {
	if err := checkTask(t.Name); err != nil {
		return fmt.Errorf("put task: %w", err)
	}
	return tx.put(taskKey(t.Name), t)
}

// Tasks returns all tasks by name; see Tx for corrupt ones.
func (tx *Tx) Tasks() ([]Task, error) { return list[Task](tx, []byte{kindTask}) }
