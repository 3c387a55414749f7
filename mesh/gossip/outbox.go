package gossip

import (
	"sync"
	"sync/atomic"

	"github.com/hashicorp/memberlist"

	"btrmesh/certs"
)

const (
	outboxBatches = 256 // that wait to be sent; then the most sent one goes

	// News is sent so often × log10 of the members, half of it in answers. Records
	// that are missed are found by their digests; a suspicion that the accused misses,
	// or an objection that others do, kills.
	recordSends = 6
	livesSends  = 12
)

// outbox holds the batches to spread. Safe for concurrent use.
type outbox struct {
	self     certs.ID
	counters *counters
	size     atomic.Int64 // members, self too
	mu       sync.Mutex   // from queueing to pruning
	queue    memberlist.TransmitLimitedQueue
}

func newOutbox(self certs.ID, n *counters) *outbox {
	o := &outbox{self: self, counters: n}
	o.queue.RetransmitMult = recordSends
	o.queue.NumNodes = func() int { return int(o.size.Load()) }
	return o
}

func (o *outbox) put(records [][]byte) {
	fit := make([][]byte, 0, len(records))
	for _, r := range records {
		if len(r) == 0 || len(r) > MaxRecord {
			o.counters.recordsOversize.Add(1)
			continue
		}
		fit = append(fit, r)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, b := range cutBatches(o.self, fit) {
		o.queue.QueueBroadcast(batch(b))
		o.queue.Prune(outboxBatches)
	}
}

// take returns batches of at most limit bytes in all, each with overhead.
func (o *outbox) take(overhead, limit int) [][]byte { return o.queue.GetBroadcasts(overhead, limit) }

// batch is one broadcast. None makes another obsolete.
type batch []byte

var _ memberlist.UniqueBroadcast = batch(nil)

// Invalidates implements memberlist.Broadcast.
func (b batch) Invalidates(memberlist.Broadcast) bool { return false }

// Message implements memberlist.Broadcast.
func (b batch) Message() []byte { return b }

// Finished implements memberlist.Broadcast.
func (b batch) Finished() {}

// UniqueBroadcast implements memberlist.UniqueBroadcast.
func (b batch) UniqueBroadcast() {}
