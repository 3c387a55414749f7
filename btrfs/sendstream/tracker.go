package sendstream

// Tracker follows a stream that is being applied. It comes from TrackFrom,
// allocates nothing and is not safe for concurrent use.
type Tracker struct {
	at    Position
	loose bool // DataEnd does not tell what was applied
}

// TrackFrom returns a Tracker that goes on from a position; the zero one makes it
// follow a stream from its beginning.
func TrackFrom(from Position) Tracker {
	if from.IsZero() {
		from = Position{Fingerprint: fingerprintOfNothing}
	}
	return Tracker{at: from}
}

// Position returns how far the stream has come. It is not ok while one number
// cannot tell it, because the data since the last metadata command went to
// several files or back and forth in one. The kernel sends no such data.
func (t *Tracker) Position() (at Position, ok bool) { return t.at, !t.loose }

// Add takes note of the next command, one that a Reader filled. The end is no
// part of any position: it is to be sent again.
func (t *Tracker) Add(c *Command) {
	if c.Type == CmdEnd {
		return
	}
	if _, end, ok := c.DataRange(); ok {
		t.addData(fileOf(c.Path), uint64(end))
	} else {
		t.addMeta(c)
	}
	t.at.Bytes = c.Offset + int64(c.Size)
}

func (t *Tracker) addMeta(c *Command) {
	t.at.Meta++
	t.at.Fingerprint = t.at.Fingerprint.with(c)
	t.at.DataEnd, t.at.File, t.loose = 0, 0, false
}

// addData demands that ends grow: then all data of the file that ends at or
// before the last end has been applied, however it is cut the next time.
func (t *Tracker) addData(file, end uint64) {
	if t.at.DataEnd != 0 && (file != t.at.File || end < t.at.DataEnd) {
		t.loose = true
	}
	t.at.File, t.at.DataEnd = file, end
}
