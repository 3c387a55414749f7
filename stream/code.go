package stream

// QUIC application error codes: the one table for connections and for
// streams. A peer that does not know a code treats it as CodeFailed.
const (
	CodeNone       uint64 = 0 // finished, nothing is wrong
	CodeGoodbye    uint64 = 1 // connection: the daemon is stopping
	CodeRemoved    uint64 = 2 // connection: the peer is not, or no longer, a member
	CodeSuperseded uint64 = 3 // connection: another one to the same peer took over
	CodeCrowded    uint64 = 4 // connection: the peer has too many of them
	CodeProtocol   uint64 = 5 // both: what was read is not of this protocol
	CodeCancelled  uint64 = 6 // both: the caller lost interest
	CodeUnknown    uint64 = 7 // stream: a lane of a session that does not exist
	CodeFailed     uint64 = 8 // stream: the session it belongs to has failed
)
