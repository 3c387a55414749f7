package btrfstest

import (
	"errors"
	"slices"
	"sync"
)

// Op is a method of a Fake that can be made to fail.
type Op string

// The methods by their names.
const (
	OpSpace           Op = "Space"
	OpShares          Op = "Shares"
	OpShare           Op = "Share"
	OpWarnings        Op = "Warnings"
	OpGeneration      Op = "Generation"
	OpSnapshot        Op = "Snapshot"
	OpSnapshots       Op = "Snapshots"
	OpHoldSnapshot    Op = "HoldSnapshot"
	OpReleaseSnapshot Op = "ReleaseSnapshot"
	OpSweepSnapshots  Op = "SweepSnapshots"
	OpEstimate        Op = "Estimate"
	OpSend            Op = "Send"
	OpLock            Op = "Lock"
	OpReceive         Op = "Receive"
	OpReplicas        Op = "Replicas"
	OpFind            Op = "Find"
	OpDelete          Op = "Delete"
	OpSweep           Op = "Sweep"
)

// ErrCrashed is what calls return that were in progress when a Fake crashed.
var ErrCrashed = errors.New("pool crashed")

// Fault is a failure that is to come.
type Fault struct {
	Op  Op
	Err error // what the call returns

	Nth   int   // which call of Op from now on; 0 and 1: the next
	Every bool  // all calls from the Nth on
	Bytes int64 // of Send and Receive: fail after so many bytes of stream, unless it is shorter
	Late  bool  // do all of the work first: the answer alone is lost
}

// faults counts calls and knows which are to fail. It is safe for concurrent
// use; its zero value lets everything pass.
type faults struct {
	mu      sync.Mutex
	calls   map[Op]int
	pending []Fault // Nth counts from the first call ever
}

func (f *faults) inject(x Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	x.Nth = max(x.Nth, 1) + f.calls[x.Op]
	f.pending = append(f.pending, x)
}

// next counts a call of op and returns its fault; the zero Fault is none.
func (f *faults) next(op Op) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.calls == nil {
		f.calls = map[Op]int{}
	}
	f.calls[op]++
	n := f.calls[op]
	i := slices.IndexFunc(f.pending, func(x Fault) bool {
		return x.Op == op && (x.Nth == n || x.Every && x.Nth <= n)
	})
	if i < 0 {
		return Fault{}
	}
	return f.pending[i]
}

func (f *faults) count(op Op) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[op]
}

func (f *faults) heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pending = nil
}

// early is the error of a fault that lets the call do nothing.
func (x Fault) early() error {
	if x.Late || x.Bytes > 0 {
		return nil
	}
	return x.Err
}

// late is the error of a fault that shows after the work was done.
func (x Fault) late() error {
	if !x.Late {
		return nil
	}
	return x.Err
}
