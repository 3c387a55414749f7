package gossip

import (
	"bytes"
	"log/slog"
	"strconv"
)

// logger takes memberlist's log. Its levels are not ours, and its lines hold
// text of other members, so all of it is quoted and for debugging.
type logger struct{ log *slog.Logger }

// Write logs one line, without its date and time.
func (l logger) Write(b []byte) (int, error) {
	l.log.Debug("memberlist", "text", strconv.Quote(string(undated(b))))
	return len(b), nil
}

// undated cuts what package log puts first: "2006/01/02 15:04:05 ".
func undated(line []byte) []byte {
	const stamp = 20
	return bytes.TrimSpace(line[min(stamp, len(line)):])
}
