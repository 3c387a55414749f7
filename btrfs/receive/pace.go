package receive

import "time"

// A checkpoint is taken whenever both have passed since the last one: bytes of
// stream and time. Taking one holds the stream up, so after a slow one the pause
// is longer: at most one part in checkpointShare of the time goes by in them.
//
// Nearly all of that is data being written out that has to be some time: one for
// every 64 MiB, 5 % of the time with small files and a third of it with big ones,
// made no receive measurably longer.
const (
	checkpointBytes = 64 << 20
	checkpointEvery = 5 * time.Second
	checkpointShare = 10
)

// pace says how often checkpoints are taken.
type pace struct {
	bytes int64 // of stream
	every time.Duration
}

// pacer knows when the next checkpoint is due.
type pacer struct {
	pace  pace
	bytes int64     // of stream at the last one, or at the beginning
	ended time.Time // likewise
	took  time.Duration
}

// due reports whether one is to be taken at this byte of the stream.
func (p *pacer) due(bytes int64, now func() time.Time) bool {
	return bytes-p.bytes >= p.pace.bytes && now().Sub(p.ended) >= max(p.pace.every, checkpointShare*p.took)
}

// taken says that one was.
func (p *pacer) taken(bytes int64, began, ended time.Time) {
	p.bytes, p.ended, p.took = bytes, ended, ended.Sub(began)
}
