package sendstream

// skip decides which commands of a stream that is sent anew a receiver has
// applied already.
type skip struct {
	from Position
	at   Tracker
	end  uint64 // of the last data dropped after the metadata
}

func skipTo(from Position) skip { return skip{from: from, at: TrackFrom(Position{})} }

// drops reports whether the receiver has c. It fails with ErrDiverged if the
// metadata up to the position is not what the receiver has.
func (s *skip) drops(c *Command) (bool, error) {
	if s.at.at.Meta == s.from.Meta {
		return s.dropsData(c), nil
	}
	s.at.Add(c)
	reached := s.at.at.Meta == s.from.Meta
	if c.Type == CmdEnd || reached && s.at.at.Fingerprint != s.from.Fingerprint {
		return false, ErrDiverged
	}
	return true, nil
}

// dropsData is for what follows the last metadata command. Data that reaches
// past the position goes out whole, though its beginning was applied: a write,
// an encoded write and a hole put the same bytes into the same place, and so does
// a clone, for its source is either another, read-only snapshot, or a part of
// this one that the kernel had sent before and so is not written to between.
// Data that steps back is not what the position was counted by, and goes out too.
func (s *skip) dropsData(c *Command) bool {
	_, end, ok := c.DataRange()
	if !ok || fileOf(c.Path) != s.from.File || uint64(end) > s.from.DataEnd || uint64(end) <= s.end {
		return false
	}
	s.end = uint64(end)
	return true
}
