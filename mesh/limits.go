package mesh

import (
	"sync"

	"btrmesh/certs"
	"btrmesh/mesh/plan"
	"btrmesh/state"
	"btrmesh/stream"
)

// limits are the rates that runs from here are held to: one of each task, and
// one of each target, which all runs to it share. A change acts on running ones
// at once. Safe for concurrent use.
type limits struct {
	mu    sync.Mutex
	tasks map[string]*stream.Rate
	peers map[certs.ID]*stream.Rate
}

func newLimits() *limits {
	return &limits{tasks: map[string]*stream.Rate{}, peers: map[certs.ID]*stream.Rate{}}
}

// task returns the rate of a task, unlimited until told else.
func (l *limits) task(name string) *stream.Rate {
	l.mu.Lock()
	defer l.mu.Unlock()
	return rateOf(l.tasks, name)
}

// peer returns the rate of all that goes to a target.
func (l *limits) peer(id certs.ID) *stream.Rate {
	l.mu.Lock()
	defer l.mu.Unlock()
	return rateOf(l.peers, id)
}

func rateOf[K comparable](rates map[K]*stream.Rate, key K) *stream.Rate {
	r := rates[key]
	if r == nil {
		r = stream.NewRate(0)
		rates[key] = r
	}
	return r
}

// hold sets a rate unless it is so already.
func hold(r *stream.Rate, bytesPerSecond int64) {
	if r.Limit() != bytesPerSecond {
		r.Set(bytesPerSecond)
	}
}

// loadLimits takes the limits to each appliance from the store. Those of tasks
// come with each plan.
func (n *Node) loadLimits(tx *state.Tx) error {
	peers, err := tx.Peers()
	for _, p := range peers {
		hold(n.limits.peer(p.ID), p.LimitBytes)
	}
	return err
}

// heldTo is the lowest of the limits that a run of a task is held to, in bytes
// per second; 0: none.
func (n *Node) heldTo(rec state.Run) int64 {
	return plan.Lower(n.limits.task(rec.Task).Limit(), n.limits.peer(rec.Peer).Limit())
}
