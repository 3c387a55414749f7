package stream

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/quic-go/quic-go"

	"btrmesh/certs"
)

// Config is what an Endpoint needs. All but Removed, Refused, Hold, TCP, DialTCP and LanePolicy
// is required.
// The functions are called from many goroutines and must not block.
type Config struct {
	Identity *certs.Identity
	Name     func() string // this appliance's name, told to peers
	Version  string        // of this software, told to peers
	Instance [16]byte      // of this state directory, random; told to peers
	Boots    uint64        // how often the daemon was started on it; told to peers
	// Conn is the one socket of the daemon. The Endpoint reads and writes it
	// until Run returns; the caller closes it afterwards, and does not read it,
	// for one read may yield many packets. A *net.UDPConn keeps its control
	// messages: offload, ECN and path MTU discovery depend on them.
	Conn   net.PacketConn
	Member func(certs.ID) bool // the live member set; asked on every handshake and every stream
	// Removed says whether a peer that is no member was one, and why it is not
	// any more, in at most 500 bytes. It may shake hands to be told so; nothing
	// else of it is read, and it is never dialled. nil: nobody is told.
	Removed func(certs.ID) (why string, removed bool)
	// Refused hears that a peer does not count this appliance as a member, and why
	// in its words; empty: it does not know it. nil: nobody hears.
	Refused   func(peer certs.ID, why string)
	Records   Records
	Pairing   func() bool             // an unexpired invite exists, a used one included
	Addresses func(certs.ID) []string // host:port of a peer, in the order to try
	// Hold says whether an idle mesh connection to a peer is kept alive; asked
	// when dialling. One that is not closes after 15 s without traffic, also in
	// the middle of a question, and is dialled again when needed. nil: always.
	Hold func(certs.ID) bool
	// TCP is where lanes over TCP are accepted, and mesh connections where UDP is
	// blocked: the port of Conn. The Endpoint accepts from it until Run returns, and
	// closes it. nil: neither is accepted or dialled.
	TCP net.Listener
	// DialTCP makes such connections, to host:port. nil: the kernel's.
	DialTCP func(ctx context.Context, addr string) (net.Conn, error)
	// LanePolicy says which lanes the runs towards a peer may use; asked when
	// one begins. nil: LanesAuto for all.
	LanePolicy func(certs.ID) LanePolicy
	Handler    Handler
	Log        *slog.Logger
}

// Handler is the engine behind an Endpoint. Its methods run concurrently, on
// goroutines of the Endpoint; their contexts end with the connection, with a
// cause. An error becomes a refusal on the peer's side: a *Refusal as it is,
// any other as Internal.
type Handler interface {
	// Answer answers a member's query.
	Answer(ctx context.Context, peer certs.ID, q Query) (Answer, error)
	// Receive serves one run as its target. The session ends when it returns;
	// without Commit or Refuse, the source gets an abort.
	Receive(ctx context.Context, in *Inbound)
	// Redeem decides about a joiner. It must compare r.Proof. The same joiner
	// may come again after a crash and must then get the same answer.
	Redeem(ctx context.Context, r JoinRequest) (JoinAnswer, error)
	// Packet takes a packet of a member. It must not block and owns b. Packets
	// may be lost, doubled or out of order.
	Packet(peer certs.ID, from netip.AddrPort, b []byte)
	// Gossip talks with a member's gossip, which opened conn, and may close it.
	// It is closed when Gossip returns.
	Gossip(ctx context.Context, peer certs.ID, conn net.Conn)
	// Confirm makes the joiner's membership final: it has stored ours. consent is
	// its signature over the admission, or empty if there was none to sign.
	Confirm(ctx context.Context, joiner certs.ID, consent []byte) error
}

// Link is a live mesh connection.
type Link struct {
	Peer    certs.ID
	Name    string // the peer's, as it says
	Version string // of the peer's software, as it says
	// Instance is the peer's state directory and Boots how often its daemon was
	// started on it, as it says. Two live links of one peer that differ in
	// Instance are two machines with one key.
	Instance [16]byte
	Boots    uint64
	Addr     string        // host:port; of no use to dial if TCP and not Dialled
	TCP      bool          // through a tunnel: UDP gets no answer
	RTT      time.Duration // smoothed
	Since    time.Time
	Dialled  bool // by us
	Settled  bool // the membership records of both ends have been compared on it
	// Received counts the bytes that came. While it grows the peer is there; an
	// idle connection is taken for lost only some time after the last.
	Received uint64
}

const defaultLanes = 2

func (c Config) check() error {
	switch {
	case c.Identity == nil || c.Conn == nil || c.Handler == nil || c.Log == nil:
		return errors.New("identity, conn, handler and log are required")
	case c.Name == nil || c.Member == nil || c.Records == nil || c.Pairing == nil || c.Addresses == nil:
		return errors.New("name, member, records, pairing and addresses are required")
	}
	return nil
}

// Limits and times of connections.
const (
	handshakeTime = 5 * time.Second  // to shake hands, and again to greet
	firstWords    = 10 * time.Second // for a peer to say what a stream is for
	meshIdle      = 15 * time.Second // longer than the 7 s a 4 s outage costs
	meshKeepAlive = 7 * time.Second  // where gossip has not kept it alive by its probes
	dataIdle      = 30 * time.Second
	dataKeepAlive = 10 * time.Second
	pairTime      = time.Minute // for a pairing connection in all

	streamWindow  = 6 << 20  // bytes
	connWindow    = 16 << 20 // bytes
	streamsAtOnce = 32       // of each direction, per connection

	smallestPacket = 1200 // bytes of UDP
)

// baseConfig begins with the smallest packets that QUIC allows: with headers they
// pass any path that IPv6 may take (RFC 9000, 14; RFC 8200, 5), and are what is
// left to a connection without path MTU discovery.
func baseConfig() *quic.Config {
	return &quic.Config{
		InitialPacketSize:          smallestPacket,
		HandshakeIdleTimeout:       handshakeTime,
		MaxStreamReceiveWindow:     streamWindow,
		MaxConnectionReceiveWindow: connWindow,
		MaxIncomingStreams:         streamsAtOnce,
		MaxIncomingUniStreams:      streamsAtOnce,
	}
}

// acceptConfig serves every accepted connection. The shorter idle time of the
// two ends counts, and only the dialler keeps alive: it decides.
func acceptConfig() *quic.Config {
	c := baseConfig()
	c.MaxIdleTimeout, c.EnableDatagrams = dataIdle, true
	c.DisablePathMTUDiscovery = true // no bulk goes this way
	return c
}

// meshConfig is for mesh connections; those that are not held may idle out.
func meshConfig(hold bool) *quic.Config {
	c := baseConfig()
	c.MaxIdleTimeout, c.EnableDatagrams = meshIdle, true
	c.DisablePathMTUDiscovery = true // control must not fall into a black hole
	if hold {
		c.KeepAlivePeriod = meshKeepAlive
	}
	return c
}

// dataConfig is for connections on which only we open streams. plain forgoes
// path MTU discovery.
func dataConfig(plain bool) *quic.Config {
	c := baseConfig()
	c.DisablePathMTUDiscovery = plain
	c.MaxIdleTimeout, c.KeepAlivePeriod = dataIdle, dataKeepAlive
	c.MaxIncomingStreams, c.MaxIncomingUniStreams = -1, -1
	return c
}

// pairConfig has no keep-alive: a forgotten pairing connection dies.
func pairConfig() *quic.Config {
	c := dataConfig(false)
	c.KeepAlivePeriod = 0
	return c
}
