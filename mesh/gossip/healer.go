package gossip

import (
	"context"
	"sync"
	"time"

	"btrmesh/certs"
)

const (
	healWorkers = 4   // Syncs at once
	healQueue   = 256 // members that wait for one; more are seen again
	healTime    = time.Minute
)

// healer synchronises with members whose records differ: one Sync at a time
// with each, and not again for the same difference before Timing.Resync. Safe
// for concurrent use.
type healer struct {
	c        Config
	counters *counters
	queue    chan certs.ID

	mu     sync.Mutex
	own    mark      // of our records
	since  time.Time // own is so
	quests map[certs.ID]quest
}

// quest is what was last done about a difference with one member.
type quest struct {
	own, theirs mark
	busy        bool // waiting or running
	end         time.Time
}

func newHealer(c Config, n *counters) *healer {
	return &healer{c: c, counters: n, queue: make(chan certs.ID, healQueue), quests: make(map[certs.ID]quest)}
}

// met takes a mark from an exchange of state: the member is new, or was met by
// the slow interval.
func (h *healer) met(id certs.ID, theirs mark) { h.compare(id, theirs, 0) }

// heard takes a mark from the answer to a probe. Our records must have been the
// same for a while, or news on their way would make all synchronise with all.
func (h *healer) heard(id certs.ID, theirs mark) { h.compare(id, theirs, h.c.Timing.Settle) }

func (h *healer) compare(id certs.ID, theirs mark, settle time.Duration) {
	own, now := markOf(h.c.Records.Digest()), time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	if own != h.own {
		h.own, h.since = own, now
	}
	q := h.quests[id]
	if own == theirs || now.Sub(h.since) < settle || q.stands(own, theirs, now, h.c.Timing.Resync) {
		return
	}
	select {
	case h.queue <- id:
		h.quests[id] = quest{own: own, theirs: theirs, busy: true}
	default:
	}
}

// stands reports whether enough is being done about a difference.
func (q quest) stands(own, theirs mark, now time.Time, again time.Duration) bool {
	return q.busy || (q.own == own && q.theirs == theirs && now.Sub(q.end) < again)
}

// forget drops what is known of a member.
func (h *healer) forget(id certs.ID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.quests, id)
}

// run synchronises until ctx is done. Several run side by side.
func (h *healer) run(ctx context.Context) error {
	for {
		select {
		case id := <-h.queue:
			h.heal(ctx, id)
		case <-ctx.Done():
			return nil
		}
	}
}

func (h *healer) heal(ctx context.Context, id certs.ID) {
	defer h.finish(id)
	if !h.differs(id) {
		return
	}
	h.counters.syncs.Add(1)
	ctx, cancel := context.WithTimeout(ctx, healTime)
	defer cancel()
	if err := h.c.Records.Sync(ctx, id); err != nil {
		h.c.Log.Debug("records not synchronised", "peer", id.Short(), "err", err)
	}
}

// differs reports whether the difference is still there; the member may have
// come first.
func (h *healer) differs(id certs.ID) bool {
	own := markOf(h.c.Records.Digest())
	h.mu.Lock()
	defer h.mu.Unlock()
	q, ok := h.quests[id]
	return ok && q.theirs != own
}

func (h *healer) finish(id certs.ID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if q, ok := h.quests[id]; ok {
		q.busy, q.end = false, time.Now()
		h.quests[id] = q
	}
}
