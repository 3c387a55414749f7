package stream

// Stats are what one end of a session has moved so far.
type Stats struct {
	RawBytes     int64 // of the raw stream, in whole chunks until it ends
	DataBytes    int64 // on the lanes, repeats and headers included, QUIC, TLS and below not
	MetaOutBytes int64
	MetaInBytes  int64

	Lanes     int    // open now
	QUICLanes int    // of them
	TCPLanes  int    // of them
	MostLanes int    // at a time
	Replaced  int    // lanes that broke; zero at the target
	Why       string // there are these lanes, for people; empty at the target
	WireBytes int64  // sent on the connections of the lanes, with all overhead and repeats; zero at the target
	Chunks    Chunks // sent, without repeats; zero at the target
}

// Chunks counts chunks by how hard they were compressed.
type Chunks struct{ Raw, Fastest, Default int64 }

func (s *Stats) addLanes(c crewStats) {
	s.QUICLanes, s.TCPLanes, s.Lanes = c.quic, c.tcp, c.quic+c.tcp
	s.MostLanes, s.Replaced, s.Why, s.WireBytes = c.most, c.replaced, c.why, c.wire
}
