package gossip

import (
	"io"
	"time"

	"github.com/hashicorp/memberlist"
)

const (
	// packetBuffer is how much memberlist puts into a packet, in bytes.
	packetBuffer = 1150
	// crcOverhead is what memberlist adds for peers of protocol 5, uncounted.
	crcOverhead = 5
	// MaxPacket is the size of the largest packet this package sends, in bytes.
	// It fits a QUIC datagram before the path's MTU is known (1243 bytes).
	MaxPacket = prefixSize + packetBuffer + crcOverhead

	// delegateVersion numbers batches, notes and marks together. Members of two
	// versions that exclude each other do not join.
	delegateVersion = 1
)

// settings are memberlist's, where they differ from DefaultLANConfig with the
// reason. A member that stopped is found dead after the sum of
//
//	until somebody probes it   Probe × 1 on average; once in 100 times × 4
//	until the probe fails      Probe
//	until suspicion is over    Probe × max(1, log10 n)
//
// With two members that is 3.6 to 7.2 s and with three 3.6 to 9 s. With four and
// five it is 5 s on average, but 12.6 and 16.2 s if chance has all ask it as late as
// can be; one in a hundred kills among five takes over 10 s. From six on the watch asks
// after 2 s of silence at the latest, so it is 3.6 to 6 s with 16 members and 8 s
// with 256 at most, and the second it takes to tell all.
//
// One that answers again a second before the last of them is over takes the suspicion
// back, and all know in time: an outage of 2.5 s takes nobody away. Idle cost does not depend
// on n, but that it doubles from five to six: a probe and its answer per interval,
// and a question of the watch, are nearly all that an idle appliance sends.
func settings(t Timing, line *transport, d *delegate, log io.Writer) *memberlist.Config {
	c := memberlist.DefaultLANConfig()
	c.Name = d.g.c.Self.String() // bound to the key by the network
	c.RequireNodeNames = true
	c.Transport = line
	c.LogOutput = log
	c.Delegate, c.Alive, c.Events, c.Conflict, c.Ping = d, d, d, d, d
	c.DelegateProtocolMin = delegateVersion
	c.DelegateProtocolMax = delegateVersion
	c.DelegateProtocolVersion = delegateVersion

	c.BindAddr, c.BindPort = anywhereHost, anywherePort           // nothing is bound
	c.AdvertiseAddr, c.AdvertisePort = anywhereHost, anywherePort // the same for all

	// Rarer probes cost less, and a shorter suspicion finds the dead as soon. Below a
	// multiple of 3 no second witness is waited for: the first has asked three others
	// already. The verdict on a probe falls at ProbeInterval whatever ProbeTimeout is,
	// which only starts the other ways. Those who are asked report failure after
	// another ProbeTimeout; if that came after the interval, the prober would think
	// itself ill and slow down.
	c.ProbeInterval = t.Probe      // 1.8 s, not 1 s
	c.ProbeTimeout = t.ProbeDirect // 0.5 s
	c.SuspicionMult = 1            // not 4
	c.AwarenessMaxMultiplier = 2   // not 8: half of five gone is noticed within 12 s
	c.GossipInterval = 0           // never, not 0.2 s: see rounds
	c.RetransmitMult = livesSends  // not 4
	c.PushPullInterval = t.PushPull
	c.TCPTimeout = t.Dial // 5 s, not 10 s: silent members are tried again by reconnect

	c.UDPBufferSize = packetBuffer           // not 1400: see MaxPacket
	c.EnableCompression = false              // LZW: costs more than it saves, and is refused when it comes
	c.DeadNodeReclaimTime = 10 * time.Second // not never; no address differs, so this is a second line
	c.DNSConfigPath = ""                     // no name is ever resolved
	c.QueueCheckInterval = 10 * time.Minute  // not 30 s: only a metric nobody reads
	return c
}
