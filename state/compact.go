package state

import "context"

const (
	// compactAt is how many tables lie unsorted in level zero when they are
	// compacted: each read may look into all of them.
	compactAt = 8
	// lookEvery is after how many updates the tables are counted. A table takes
	// thousands of them.
	lookEvery = 256
)

// Maintain keeps the tables of the store few and free of what was deleted, until
// ctx is done; then it returns nil. It looks once at the start, as each start leaves
// a table behind, and then whenever enough was written: a store that is not used
// costs nothing. One compaction rewrites the whole store; readers and writers do
// not wait for it, and ctx does not end it. What fails is logged, and tried again
// when more was written.
//
// Run it once, and do not Close the store until it returns. Without it the store
// works, and grows.
func (s *Store) Maintain(ctx context.Context) error {
	for {
		if err := s.compact(); err != nil {
			s.log.Error("state not compacted", "err", err)
		}
		select {
		case <-s.written:
		case <-ctx.Done():
			return nil
		}
	}
}

// compact merges all tables once too many lie in level zero. Badger's own
// compactors look for work 40 times a second, on a NAS that has none for days.
func (s *Store) compact() error {
	if s.unsorted() < compactAt || !s.room.has(s.size()) {
		return nil
	}
	return s.db.Flatten(1)
}

// size is what all tables take, in bytes, which is what a compaction may.
func (s *Store) size() (bytes int64) {
	for _, level := range s.db.Levels() {
		bytes += level.Size
	}
	return bytes
}

// unsorted counts the tables in level zero.
func (s *Store) unsorted() int { return s.db.Levels()[0].NumTables }

// noteUpdate has Maintain look from time to time.
func (s *Store) noteUpdate() {
	if s.updates.Add(1)%lookEvery != 0 {
		return
	}
	select {
	case s.written <- struct{}{}:
	default: // it will look anyway
	}
}
