package gossip

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"btrmesh/certs"
)

// Network carries gossip to members by ID. Both methods are called
// concurrently.
type Network interface {
	// SendPacket sends b, at most MaxPacket bytes, and copies it first. It never
	// blocks; the packet may be lost, doubled or late.
	SendPacket(to certs.ID, b []byte)
	// OpenGossip opens a stream, dialling if needed; the other end gets it as
	// Gossip.Stream. ctx governs the opening only. The caller closes it.
	OpenGossip(ctx context.Context, to certs.ID) (net.Conn, error)
}

// Records is the set of signed membership records of this appliance. All
// methods are called concurrently, and with no lock of this package held.
type Records interface {
	// Digest names the set: equal sets have equal digests. It is called for
	// every packet of some kinds, so it must neither block nor compute much.
	Digest() [32]byte
	// Merge verifies raw, stores what is new durably and applies it, and passes
	// that to Gossip.Broadcast, so that it travels on. The same record comes
	// many times. Member from says it sent the batch; that is not proven.
	Merge(ctx context.Context, from certs.ID, raw [][]byte) error
	// Sync exchanges all records with a member, whose digest was another one.
	Sync(ctx context.Context, with certs.ID) error
}

// Config is what a Gossip is made of. Without a comment that says otherwise a
// field is required. All functions are called concurrently; Changed, Members
// and Network with no lock held, IsMember under memberlist's.
type Config struct {
	Self certs.ID
	Mesh [32]byte // its first bytes tell this mesh's packets from another's
	// Members lists all members but this appliance, whether they answer or not.
	Members func() []certs.ID
	// IsMember must not block, nor call the Gossip.
	IsMember func(certs.ID) bool
	Network  Network
	Records  Records
	// Changed is told that a member is Alive, Suspect or Dead now. It must not
	// block. Quick changes may be told as one. nil: nobody asks.
	Changed func(certs.ID, Liveness)
	Log     *slog.Logger
	// Random returns numbers in [0,1) that spread retries over time.
	Random func() float64
	Timing Timing
}

// Timing holds the knobs. Zero means the default of DefaultTiming.
type Timing struct {
	Probe       time.Duration // one member is asked whether it lives, per interval
	ProbeDirect time.Duration // then others and a stream are tried as well; < Probe/2, see settings
	Gossip      time.Duration // between two rounds of spreading news; without news there are none
	PushPull    time.Duration // between two exchanges of state; grows with log2 of the members above 32
	Dial        time.Duration // to open a stream, and to read or write on it
	Leave       time.Duration // to say goodbye at the end of Run
	RetryFirst  time.Duration // bound of the first wait before a silent member is tried again; doubled each time
	RetryMost   time.Duration // bound of any such wait
	Settle      time.Duration // a difference of digests younger than this is news on its way
	Resync      time.Duration // least time between two Syncs with the same member for the same difference
}

// DefaultTiming returns the values for a mesh of 2 to some hundred members.
func DefaultTiming() Timing {
	return Timing{
		Probe:       1800 * time.Millisecond,
		ProbeDirect: 500 * time.Millisecond,
		Gossip:      400 * time.Millisecond,
		PushPull:    30 * time.Second,
		Dial:        5 * time.Second,
		Leave:       2 * time.Second,
		RetryFirst:  time.Second,
		RetryMost:   30 * time.Second,
		Settle:      3 * time.Second,
		Resync:      30 * time.Second,
	}
}

func (c Config) check() error {
	switch {
	case c.Self.IsZero():
		return errors.New("no ID of this appliance")
	case c.Members == nil || c.IsMember == nil:
		return errors.New("no members")
	case c.Network == nil || c.Records == nil:
		return errors.New("no network or no records")
	case c.Log == nil || c.Random == nil:
		return errors.New("no log or no source of randomness")
	}
	return c.Timing.orDefault().check()
}

func (t Timing) check() error {
	if 2*t.ProbeDirect >= t.Probe {
		return errors.New("a probe ends before others can answer in a member's stead")
	}
	return nil
}

// orDefault returns t with the default for each zero.
func (t Timing) orDefault() Timing {
	d := DefaultTiming()
	for _, f := range []struct{ have, standard *time.Duration }{
		{&t.Probe, &d.Probe},
		{&t.ProbeDirect, &d.ProbeDirect},
		{&t.Gossip, &d.Gossip},
		{&t.PushPull, &d.PushPull},
		{&t.Dial, &d.Dial},
		{&t.Leave, &d.Leave},
		{&t.RetryFirst, &d.RetryFirst},
		{&t.RetryMost, &d.RetryMost},
		{&t.Settle, &d.Settle},
		{&t.Resync, &d.Resync},
	} {
		if *f.have <= 0 {
			*f.have = *f.standard
		}
	}
	return t
}
