package stream

import (
	"context"

	"btrmesh/certs"
)

// Endpoint is the appliance's end of every connection.
type Endpoint struct{}

// Listen binds an Endpoint to its socket.
func Listen(c Config) (*Endpoint, error) { return nil, c.check() }

// Run serves until ctx ends.
func (e *Endpoint) Run(ctx context.Context) error { return ctx.Err() }

// Query asks a member.
func (e *Endpoint) Query(context.Context, certs.ID, Query) (Answer, error) {
	return Answer{}, ErrClosed
}

// Offer opens a session as its source.
func (e *Endpoint) Offer(context.Context, certs.ID, Offer) (*Outbound, Have, error) {
	return nil, Have{}, ErrClosed
}

// Join redeems an invite.
func (e *Endpoint) Join(context.Context, string, certs.Invite, JoinHello) (JoinAnswer, func(context.Context) error, error) {
	return JoinAnswer{}, nil, ErrClosed
}

// Disconnect closes all connections of a peer.
func (e *Endpoint) Disconnect(peer certs.ID, code uint64, why string) {}

// Links lists the live mesh connections.
func (e *Endpoint) Links() []Link { return nil }

// Outbound is the source's end of a session.
type Outbound struct{}

// Begin announces the raw stream and waits for go.
func (o *Outbound) Begin(context.Context, Begin) error { return ErrClosed }

// Write takes the raw stream.
func (o *Outbound) Write([]byte) (int, error) { return 0, ErrClosed }

// End waits for the target's committed.
func (o *Outbound) End(context.Context) (Committed, error) { return Committed{}, ErrClosed }

// Abort tells the target to give up.
func (o *Outbound) Abort(RefusalCode, string) {}

// Close releases the session.
func (o *Outbound) Close() {}

// Applied is the newest progress.
func (o *Outbound) Applied() int64 { return 0 }

// Stats counts the bytes so far.
func (o *Outbound) Stats() Stats { return Stats{} }

// Inbound is the target's end of a session.
type Inbound struct{}

// Peer is the source.
func (in *Inbound) Peer() certs.ID { return certs.ID{} }

// PeerName is the source's name, as it says.
func (in *Inbound) PeerName() string { return "" }

// Offer is what the source would send.
func (in *Inbound) Offer() Offer { return Offer{} }

// Have answers the offer.
func (in *Inbound) Have(context.Context, Have) error { return ErrClosed }

// Begin waits for the source's begin.
func (in *Inbound) Begin(context.Context) (Begin, error) { return Begin{}, ErrClosed }

// Go lets the source send.
func (in *Inbound) Go(context.Context) error { return ErrClosed }

// Read yields the raw stream.
func (in *Inbound) Read([]byte) (int, error) { return 0, ErrClosed }

// Progress tells how much has been applied.
func (in *Inbound) Progress(int64) {}

// Commit tells the source that the replica is durable.
func (in *Inbound) Commit(context.Context, Committed) error { return ErrClosed }

// Refuse ends the session with a reason.
func (in *Inbound) Refuse(context.Context, RefusalCode, string, ...string) error { return ErrClosed }

// Stats counts the bytes so far.
func (in *Inbound) Stats() Stats { return Stats{} }
