package gossip

import (
	"errors"
	"time"

	"github.com/hashicorp/memberlist"
)

// delegate is what memberlist calls, and never blocks. NotifyAlive, the events
// and NotifyConflict run under memberlist's node lock: nothing they do may call
// memberlist.
type delegate struct{ g *Gossip }

var errForeign = errors.New("not as members of this mesh say it")

// NodeMeta implements memberlist.Delegate: there is none.
func (d *delegate) NodeMeta(int) []byte { return nil }

// NotifyMsg implements memberlist.Delegate.
func (d *delegate) NotifyMsg(b []byte) { d.g.inbox.put(b) }

// GetBroadcasts implements memberlist.Delegate.
func (d *delegate) GetBroadcasts(overhead, limit int) [][]byte {
	return d.g.outbox.take(overhead, limit)
}

// LocalState implements memberlist.Delegate.
func (d *delegate) LocalState(bool) []byte {
	return appendNote(nil, d.g.c.Self, d.g.c.Records.Digest())
}

// MergeRemoteState implements memberlist.Delegate.
func (d *delegate) MergeRemoteState(b []byte, _ bool) {
	if sender, m, err := parseNote(b); err == nil && d.g.c.IsMember(sender) {
		d.g.healer.met(sender, m)
	}
}

// NotifyAlive implements memberlist.AliveDelegate. It is the gate for all that
// others say of others.
func (d *delegate) NotifyAlive(n *memberlist.Node) error {
	id, err := d.g.names.id(n.Name)
	if err != nil {
		return err
	}
	if id != d.g.c.Self && !d.g.c.IsMember(id) {
		return errStranger
	}
	if !n.Addr.Equal(anywhereIP()) || n.Port != anywherePort || len(n.Meta) > memberlist.MetaMaxSize {
		return errForeign
	}
	return nil
}

// NotifyJoin implements memberlist.EventDelegate.
func (d *delegate) NotifyJoin(n *memberlist.Node) { d.become(n, Alive) }

// NotifyLeave implements memberlist.EventDelegate.
func (d *delegate) NotifyLeave(n *memberlist.Node) { d.become(n, Dead) }

// NotifyUpdate implements memberlist.EventDelegate: meta says nothing.
func (d *delegate) NotifyUpdate(*memberlist.Node) {}

func (d *delegate) become(n *memberlist.Node, s State) {
	wake(d.g.news)
	for _, w := range d.g.watches {
		wake(w.moved)
	}
	if id, err := d.g.names.id(n.Name); err == nil && d.g.c.IsMember(id) {
		d.g.roll.become(id, s)
	}
}

// NotifyConflict implements memberlist.ConflictDelegate. NotifyAlive lets no
// second address pass, so this never happens; if so, it changes nothing.
func (d *delegate) NotifyConflict(_, other *memberlist.Node) {
	d.g.c.Log.Warn("two addresses of one member", "peer", other.Name)
}

// AckPayload implements memberlist.PingDelegate.
func (d *delegate) AckPayload() []byte {
	if !d.g.line.up.Load() {
		return nil
	}
	m := markOf(d.g.c.Records.Digest())
	return m[:]
}

// NotifyPingComplete implements memberlist.PingDelegate.
func (d *delegate) NotifyPingComplete(n *memberlist.Node, _ time.Duration, payload []byte) {
	if id, err := d.g.names.id(n.Name); err == nil && len(payload) >= len(mark{}) {
		d.g.healer.heard(id, mark(payload))
	}
}
