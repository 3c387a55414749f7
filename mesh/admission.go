package mesh

import (
	"fmt"
	"slices"

	"btrmesh/btrfs/receive"
	"btrmesh/state"
	"btrmesh/stream"
)

// admission is what a target knows of an offer; decide turns it into a verdict.
type admission struct {
	offer      stream.Offer
	source     string // the source's name, as it says
	here       string
	serviceOff bool
	cloned     bool // another machine uses this appliance's key
	poolFound  bool
	pools      []string // "tank, 39.3 GiB free", for a source that named another
	granted    bool
	grant      state.Grant
}

// decide returns nil when the offer may go on, else the refusal to send. Only a
// grant of this appliance lets anything be written.
func (a admission) decide() *stream.Refusal {
	switch {
	case a.cloned:
		return &stream.Refusal{Code: stream.ClonedIdentity, Text: fmt.Sprintf("the key of %s is also used by another machine; it receives nothing until that is settled there", a.here)}
	case a.serviceOff:
		return &stream.Refusal{Code: stream.ServiceOff, Text: fmt.Sprintf("the replication service is off on %s", a.here)}
	case !a.poolFound:
		return &stream.Refusal{Code: stream.PoolNotFound, Text: fmt.Sprintf("%s has no pool %q", a.here, a.offer.Pool), Facts: a.pools}
	case !a.granted:
		return &stream.Refusal{Code: stream.NotGranted, Text: fmt.Sprintf("%s does not let %s write into pool %s", a.here, a.source, a.offer.Pool)}
	case len(a.grant.Shares) > 0 && !slices.Contains(a.grant.Shares, a.offer.Share):
		return &stream.Refusal{Code: stream.NotGranted, Text: fmt.Sprintf("%s lets %s write into pool %s, but not the share %s", a.here, a.source, a.offer.Pool, a.offer.Share)}
	}
	return nil
}

// intact refuses a replica whose newest snapshot somebody made writable or
// changed: it is left untouched until a person decides
// for a full send beside it.
func (a admission) intact(r receive.Replica) *stream.Refusal {
	if n := len(r.Snapshots); n > 0 && r.Snapshots[n-1].Modified && !a.offer.Full {
		return &stream.Refusal{Code: stream.ReplicaModified, Text: fmt.Sprintf("%s@%s on %s was made writable by hand; it was left untouched", a.offer.Share, a.source, a.here)}
	}
	return nil
}
