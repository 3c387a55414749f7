package gossip

import "sync/atomic"

// Stats counts since the start what was refused or dropped, and what was made
// up for. A dropped record is found again by the digests.
type Stats struct {
	PacketsDropped  uint64 // came faster than they were read
	PacketsRefused  uint64 // from strangers, too large, or of a kind members do not send
	StreamsRefused  uint64 // likewise, and more at once than are served
	BatchesDropped  uint64 // of records, came faster than they were merged
	BatchesRefused  uint64 // of records, malformed or from no member
	RecordsOversize uint64 // of our own, left to Sync
	Syncs           uint64 // begun because digests differed
	Joins           uint64 // begun because a member was silent
	Accusations     uint64 // of neighbours that answered no question
}

// counters are the Stats while they are counted.
type counters struct {
	packetsDropped, packetsRefused, streamsRefused, batchesDropped,
	batchesRefused, recordsOversize, syncs, joins, accusations atomic.Uint64
}

func (c *counters) stats() Stats {
	return Stats{
		PacketsDropped:  c.packetsDropped.Load(),
		PacketsRefused:  c.packetsRefused.Load(),
		StreamsRefused:  c.streamsRefused.Load(),
		BatchesDropped:  c.batchesDropped.Load(),
		BatchesRefused:  c.batchesRefused.Load(),
		RecordsOversize: c.recordsOversize.Load(),
		Syncs:           c.syncs.Load(),
		Joins:           c.joins.Load(),
		Accusations:     c.accusations.Load(),
	}
}
