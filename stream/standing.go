package stream

// standing is how far a session is with what its feed has handed over.
type standing struct {
	first, sent uint64 // as in queue
	waiting     int    // chunks that no lane has
	ready       int    // of them: packed
	lanes       int    // that are open
	hungry      int    // of lanes
	full        bool   // all that may be sent is
}

func (q *queue) standing() standing {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := standing{first: q.base.chunks, sent: q.sent, lanes: len(q.lanes)}
	s.full = q.sent-q.base.chunks >= uint64(q.reach)
	for i := range q.held {
		if e := &q.held[i]; e.state == entryWaiting {
			s.waiting++
			if e.packed.Load() {
				s.ready++
			}
		}
	}
	for _, la := range q.lanes {
		if la.hungry {
			s.hungry++
		}
	}
	return s
}

// kept is how many bytes are kept that lie before chunk n, and in how many
// chunks.
func (q *queue) kept(n uint64) (bytes int64, chunks int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range q.held {
		if e := &q.held[i]; e.parcel != nil && e.header.number < n {
			bytes += int64(e.size())
			chunks++
		}
	}
	return bytes, chunks
}

// chunks returns how many chunks were sent, by how hard they were compressed.
func (q *queue) chunks() Chunks {
	q.mu.Lock()
	defer q.mu.Unlock()
	return Chunks{Raw: q.counts[levelRaw], Fastest: q.counts[levelFastest], Default: q.counts[levelDefault]}
}
