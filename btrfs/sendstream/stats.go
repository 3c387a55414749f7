package sendstream

// Kind sums the commands of one type.
type Kind struct {
	Commands int
	Bytes    int64 // headers and payloads
}

// Stats sums a stream.
type Stats struct {
	Version           uint32
	Bytes             int64           // the whole stream
	DataBytes         int64           // file content: written, encoded (as file bytes) and of update_extent
	UpdateExtentBytes int64           // the part of DataBytes that update_extent stands for
	Commands          int             // end included
	Kinds             [typeCount]Kind // by Type
}

// Add counts one command.
func (s *Stats) Add(c *Command) {}

// EstimateBytes predicts the size of the real stream from a stream without data.
func (s *Stats) EstimateBytes(version uint32) int64 { return 0 }
