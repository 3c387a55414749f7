package receive

import (
	"context"
	"log/slog"
	"sync"

	"btrmesh/btrfs"
)

// Target is the replica tree of one pool. It is safe for concurrent use: several
// runs apply at once, and commit one after the other. The zero value is not
// valid.
type Target struct {
	pool *btrfs.Pool
	log  *slog.Logger
	turn chan struct{} // held by who changes replicas/
	pace pace          // of checkpoints

	mu      sync.Mutex
	running map[string]bool // directories in incoming/ that somebody works in
}

// NewTarget returns the Target of p, which stays the caller's to close, after
// the last call. Nothing is touched yet; call Sweep first.
func NewTarget(p *btrfs.Pool, log *slog.Logger) *Target {
	return &Target{
		pool: p, log: log.With("pool", p.Path()),
		turn: make(chan struct{}, 1), running: map[string]bool{},
		pace: pace{checkpointBytes, checkpointEvery},
	}
}

// take waits for the turn to change replicas/.
func (t *Target) take(ctx context.Context) error {
	select {
	case t.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (t *Target) give() { <-t.turn }

// claim reserves a directory of incoming/; false if it is reserved.
func (t *Target) claim(name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.running[name] {
		return false
	}
	t.running[name] = true
	return true
}

func (t *Target) unclaim(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.running, name)
}
