package gossip

import (
	"context"
	"encoding/binary"
	"net"

	"btrmesh/certs"
)

// accuse has memberlist suspect a member, as if another one had told it so by a
// packet. What follows is memberlist's: it tells all, and unless the accused says
// otherwise in time, with a higher incarnation, it is dead.
//
// The accusation names the incarnation memberlist knows at this moment: a lower one
// is ignored and a higher one could be outbid only by going along with it. If the
// accused objected meanwhile, the accusation is too old, which is right.
func (g *Gossip) accuse(ctx context.Context, id certs.ID) {
	incarnation, err := g.line.incarnation(ctx, id.String())
	if err != nil {
		g.c.Log.Debug("silent member not accused", "peer", id.Short(), "err", err)
		return
	}
	g.c.Log.Debug("silent member accused", "peer", id.Short())
	g.counters.accusations.Add(1)
	g.line.hand(&net.UDPAddr{IP: anywhereIP(), Port: anywherePort}, accusation(incarnation, id, g.c.Self))
}

// accusation returns memberlist's suspect (its net.go) as MessagePack:
//
//	{"Incarnation": uint32, "Node": name, "From": name}
func accusation(incarnation uint32, of, by certs.ID) []byte {
	b := []byte{byte(msgSuspect), 0x83}
	b = binary.BigEndian.AppendUint32(append(appendText(b, "Incarnation"), 0xce), incarnation)
	b = appendText(appendText(b, "Node"), of.String())
	return appendText(appendText(b, "From"), by.String())
}
