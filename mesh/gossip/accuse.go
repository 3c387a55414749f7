package gossip

import (
	"context"
	"encoding/binary"
	"net"
	"time"

	"btrmesh/certs"
)

// longestSuspicion is how many Timing.Probe one takes with 1000 members.
const longestSuspicion = 3

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
	charge := accusation(incarnation, id, g.c.Self)
	g.line.hand(&net.UDPAddr{IP: anywhereIP(), Port: anywherePort}, charge)
	g.confront(ctx, id, charge)
}

// confront says it to the accused's face until something is heard of it, it is dead
// or the longest suspicion is over. memberlist tells everyone soon and then no more,
// which one that comes back from an outage would have missed.
func (g *Gossip) confront(ctx context.Context, id certs.ID, charge []byte) {
	t, begin := g.c.Timing, time.Now()
	for g.roll.of(id).Answers() && !g.roll.lastHeard(id).After(begin) && time.Since(begin) < longestSuspicion*t.Probe {
		g.c.Network.SendPacket(id, g.line.prefix.put(charge))
		if !rest(ctx, time.After(t.Gossip)) {
			return
		}
	}
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
