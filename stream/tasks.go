package stream

import "sync"

// tasks are the goroutines that Run waits for. The zero value is ready. Safe
// for concurrent use.
type tasks struct {
	group  sync.WaitGroup
	mu     sync.Mutex
	closed bool
}

// start runs f on its own goroutine, unless wait has begun.
func (t *tasks) start(f func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.group.Go(f)
	return true
}

// wait lets nothing start any more and returns when all have ended.
func (t *tasks) wait() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.group.Wait()
}
