package receive

import "time"

// A checkpoint is taken whenever both have passed since the last one: bytes of
// stream and time. Taking one holds the stream up, so after a slow one the pause
// is longer: for each part of the time that goes by in them, checkpointShare go by
// between them, which keeps them below 3 %. A kill on a slow disk may so cost more
// than 5 s of work; a lost connection costs none, as a checkpoint is taken then.
const (
	checkpointBytes = 64 << 20
	checkpointEvery = 5 * time.Second
	checkpointShare = 33
)

// pace says how often checkpoints are taken.
type pace struct {
	bytes int64 // of stream
	every time.Duration
}

// A checkpoint is prepared that long and that many bytes before it is due, by
// writing data out beside the work: on a disk this took half of the time that the
// checkpoint then held the stream up.
const (
	flushBytes = 16 << 20
	flushAhead = time.Second
)

// pacer knows when the next checkpoint is due.
type pacer struct {
	pace  pace
	bytes int64     // of stream at the last one, or at the beginning
	ended time.Time // likewise
	took  time.Duration
	told  bool  // that the next one is due soon
	again int64 // byte of stream from which on it is worth to look
}

// lookShare is how often one looks whether a checkpoint is due while the bytes go by
// that have to be between two. The clock after each command took 1 % of the time that
// small files take.
const lookShare = 1 << 10

// look reports whether due and soon are worth a call at this byte of the stream.
func (p *pacer) look(bytes int64) bool {
	if bytes < p.again {
		return false
	}
	p.again = bytes + p.pace.bytes/lookShare
	return true
}

// due reports whether one is to be taken at this byte of the stream.
func (p *pacer) due(bytes int64, now func() time.Time) bool { return p.within(bytes, now, 0, 0) }

// soon reports, once, that due will be true in a while.
func (p *pacer) soon(bytes int64, now func() time.Time) bool {
	if p.told {
		return false
	}
	p.told = p.within(bytes, now, flushBytes, flushAhead)
	return p.told
}

// within reports whether one is due at most that much later.
func (p *pacer) within(bytes int64, now func() time.Time, more int64, later time.Duration) bool {
	return bytes+more-p.bytes >= p.pace.bytes && now().Add(later).Sub(p.ended) >= max(p.pace.every, checkpointShare*p.took)
}

// taken says that one was.
func (p *pacer) taken(bytes int64, began, ended time.Time) {
	p.bytes, p.ended, p.took, p.told = bytes, ended, ended.Sub(began), false
}
