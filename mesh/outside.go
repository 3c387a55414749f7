package mesh

import (
	"fmt"
	"slices"
	"time"

	"btrmesh/certs"
	"btrmesh/mesh/control"
	"btrmesh/stream"
)

// hearRefusal notes who does not count this appliance as a member any more: the
// record that says so goes to members only.
func (n *Node) hearRefusal(by certs.ID, why string) {
	n.peers.change(by, func(v *peerView) { v.refused(why, time.Now()) })
}

// refused notes that the peer does not count us as a member.
func (v *peerView) refused(why string, now time.Time) {
	if why != "" {
		v.outside = why
	}
	if v.shut.IsZero() {
		v.shut = now
	}
}

// unknownFor is how long a member may not know this one: news of who joined take
// a few seconds.
const unknownFor = time.Minute

// shutOut is a member by what is known here, and its word that this appliance is
// none; without a why it never heard of this one.
type shutOut struct{ by, why string }

// shutOutBy lists who says that this appliance is no member any more, by name. It
// is empty if this appliance knows that it was removed.
func (n *Node) shutOutBy() []shutOut {
	if !n.members.fold().Has(n.me) {
		return nil
	}
	var list []shutOut
	for _, m := range n.others() {
		v := n.peers.get(m.ID)
		if !v.shut.IsZero() && (v.outside != "" || time.Since(v.shut) > unknownFor) {
			list = append(list, shutOut{by: m.Name, why: v.outside})
		}
	}
	return list
}

func (s shutOut) warning(here string) control.Warning {
	if s.why == "" {
		return control.Warning{
			Level: control.Critical,
			Text:  fmt.Sprintf("%s does not know %s as a member: it may have lost its state.", s.by, here),
			Hints: []string{"sudo btrmesh pair invite", fmt.Sprintf("on %s: sudo btrmesh pair join CODE", s.by)},
		}
	}
	return control.Warning{
		Level: control.Critical,
		Text:  fmt.Sprintf("%s does not count %s as a member any more: %.500q.", s.by, here, s.why),
		Hints: []string{fmt.Sprintf("on %s: sudo btrmesh appliance keep %s", s.by, here)},
	}
}

// outsideFor tells whether this appliance was removed and a peer sees it so: one
// that keeps it stays connected.
func (n *Node) outsideFor(peer certs.ID) bool {
	return !n.members.is(n.me) && !slices.ContainsFunc(n.net.Links(), func(l stream.Link) bool { return l.Peer == peer })
}
