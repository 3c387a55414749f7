package mesh

import (
	"context"
	"slices"
	"time"

	"btrmesh/certs"
	"btrmesh/stream"
)

// Who was away may be reached first by one that has been removed meanwhile and
// says nothing of it. So the first offers after a start wait until some other
// member was heard, if there is one, but not for longer than firstWord after the
// start.
const (
	firstWord  = 5 * time.Second
	firstAgain = 50 * time.Millisecond
)

// hearOthers waits until this appliance knows what the mesh thinks of source, as
// far as anyone tells in time, or ctx is done.
func (n *Node) hearOthers(ctx context.Context, source certs.ID) {
	for n.unheard(source, time.Since(n.started)) {
		select {
		case <-time.After(firstAgain):
		case <-ctx.Done():
			return
		}
	}
}

// unheard says whether, that long after the start, another member may yet say
// something of source.
func (n *Node) unheard(source certs.ID, up time.Duration) bool {
	isOther := func(id certs.ID) bool { return id != n.me && id != source }
	return up < firstWord && slices.ContainsFunc(n.otherIDs(), isOther) &&
		!slices.ContainsFunc(n.net.Links(), func(l stream.Link) bool { return isOther(l.Peer) && l.Settled })
}
