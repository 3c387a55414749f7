package mesh

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"btrmesh/certs"
	"btrmesh/state"
)

// members is who belongs to the mesh: the signed records, what was decided here
// against them, and what follows from both. It implements stream.Records and is
// safe for concurrent use. Reading takes no lock; a roster that was read is never
// changed any more.
type members struct {
	store   *state.Store
	mirror  mirror
	log     *slog.Logger
	me      certs.ID
	changed func(memberChange) // told of every change in turn, once it is stored

	stale chan struct{} // the mirror

	turn sync.Mutex // held by who changes
	now  atomic.Pointer[roster]
}

// memberChange is one step of the membership.
type memberChange struct {
	before, after *roster
	fresh         []certs.Record
	from          certs.ID // who told; this appliance for what was signed or decided here
}

// loadMembers reads the membership from the store. A record that cannot be read
// is left out: the other members have it too.
func loadMembers(store *state.Store, mirror mirror, me certs.ID, log *slog.Logger) (*members, error) {
	m := &members{store: store, mirror: mirror, log: log, me: me, changed: func(memberChange) {}, stale: make(chan struct{}, 1)}
	r := &roster{set: certs.NewRecordSet(certs.MeshID{})}
	err := store.View(func(tx *state.Tx) error {
		if err := r.read(tx); err != nil {
			log.Error("membership records left out", "err", err)
		}
		return r.decide(tx)
	})
	if err != nil {
		return nil, fmt.Errorf("load members: %w", err)
	}
	r.settle()
	m.now.Store(r)
	return m, m.restore()
}

// fold is who is a member now.
func (m *members) fold() *certs.Membership { return &m.now.Load().fold }

// mesh is the mesh this appliance is in; zero: none yet.
func (m *members) mesh() certs.MeshID { return m.now.Load().set.Mesh() }

// is tells whether id is a member. It is asked on every handshake and stream.
func (m *members) is(id certs.ID) bool {
	_, ok := m.fold().Members[id]
	return ok
}

// Digest implements stream.Records.
func (m *members) Digest() [32]byte { return m.now.Load().digest }

// Hashes implements stream.Records.
func (m *members) Hashes() [][32]byte {
	hashes := m.now.Load().set.Hashes()
	all := make([][32]byte, 0, len(hashes))
	for _, h := range hashes {
		all = append(all, h)
	}
	return all
}

// Records implements stream.Records. What is not known is left out.
func (m *members) Records(hashes [][32]byte) [][]byte {
	set := m.now.Load().set
	var all [][]byte
	for _, h := range hashes {
		if r, ok := set.Get(h); ok {
			all = append(all, r.Bytes())
		}
	}
	return all
}

// Merge implements stream.Records and gossip.Records: it takes what is sound and
// new from what a member sent. Records that are neither are no error.
func (m *members) Merge(_ context.Context, from certs.ID, raw [][]byte) error {
	// Gossip brings the same records many times.
	raw = slices.DeleteFunc(slices.Clone(raw), m.now.Load().set.HasBytes)
	if len(raw) == 0 {
		return nil
	}
	var refused error
	err := m.change(from, func(tx *state.Tx, next *roster) (fresh []certs.Record, err error) {
		if next.set.Mesh().IsZero() {
			return nil, nil // whoever came first would choose the mesh
		}
		before := next.set.Clone()
		fresh, refused = next.set.AddBytes(raw...)
		verdict := certs.Brake(before, fresh, next.local)
		next.local = next.local.After(verdict)
		return fresh, errors.Join(rule(tx, state.Held, verdict.Held...), rule(tx, state.Vouched, verdict.Vouched...))
	})
	if refused != nil {
		m.log.Warn("membership records refused", "peer", from.Short(), "err", refused)
	}
	return err
}

// rule stores what counts of removals.
func rule(tx *state.Tx, standing state.Standing, hashes ...certs.RecordHash) error {
	var errs []error
	for _, h := range hashes {
		errs = append(errs, tx.PutHold(state.Hold{Hash: h, Standing: standing, At: time.Now().UTC()}))
	}
	return errors.Join(errs...)
}

// issue adds records that this appliance signed, or that complete what it signed.
func (m *members) issue(records ...certs.Record) error {
	return m.change(m.me, func(tx *state.Tx, next *roster) ([]certs.Record, error) {
		fresh, err := next.set.Add(records...)
		if err != nil {
			return nil, err
		}
		var revokes []certs.RecordHash
		for _, r := range fresh {
			if r.Kind() == certs.Revoke {
				revokes = append(revokes, r.Hash())
			}
		}
		next.local = next.local.Approve(revokes...)
		return fresh, rule(tx, state.Approved, revokes...)
	})
}

// adopt takes the records of a mesh that this appliance has joined, of which it
// must be a member by them, in place of its own. Only who is alone may do so. What
// counts of the removals is what counts for who let it in: it saw them come. What
// also stores is stored with the records or, like them, not at all.
func (m *members) adopt(raw [][]byte, verdict certs.Verdict, also func(*state.Tx) error) error {
	return m.change(m.me, func(tx *state.Tx, next *roster) ([]certs.Record, error) {
		if err := also(tx); err != nil {
			return nil, err
		}
		joined := &roster{set: certs.NewRecordSet(certs.MeshID{})}
		if _, err := joined.set.AddBytes(raw...); err != nil {
			return nil, err
		}
		joined.local = joined.local.After(verdict)
		joined.settle()
		if !joined.fold.Has(m.me) {
			return nil, errors.New("the records do not make this appliance a member")
		}
		if next.set.Mesh() == joined.set.Mesh() { // again, after a crash
			return next.set.AddBytes(raw...)
		}
		if len(next.fold.Members) > 1 {
			return nil, errors.New("this appliance is in another mesh")
		}
		*next = *joined
		return joined.set.All(), errors.Join(clearDecisions(tx),
			rule(tx, state.Held, verdict.Held...), rule(tx, state.Vouched, verdict.Vouched...))
	})
}

func hashesOf[H ~[32]byte](list []H) []certs.RecordHash {
	var hashes []certs.RecordHash
	for _, h := range list {
		hashes = append(hashes, certs.RecordHash(h))
	}
	return hashes
}

// rulings lists the removals that do not count here, and those that came from
// members or have a person behind them, for one who was not there.
func (m *members) rulings() (held, vouched [][32]byte) {
	local := m.now.Load().local
	for h, yes := range local.Held {
		if yes && !local.Approved[h] {
			held = append(held, h)
		}
	}
	for h, yes := range local.Vouched {
		if yes {
			vouched = append(vouched, h)
		}
	}
	for h, yes := range local.Approved {
		if yes && !local.Vouched[h] {
			vouched = append(vouched, h)
		}
	}
	return held[:min(len(held), mostRulings)], vouched[:min(len(vouched), mostRulings)]
}

// mostRulings is how many of each kind a joiner is told.
const mostRulings = 256

func clearDecisions(tx *state.Tx) error {
	decisions, err := tx.Decisions()
	for _, d := range decisions {
		err = errors.Join(err, tx.DeleteDecision(d.Subject))
	}
	holds, more := tx.Holds()
	for _, h := range holds {
		err = errors.Join(err, tx.DeleteHold(h.Hash))
	}
	return errors.Join(err, more)
}

// override stores a decision of a person here.
func (m *members) override(build func(tx *state.Tx, next *roster) error) error {
	return m.change(m.me, func(tx *state.Tx, next *roster) ([]certs.Record, error) {
		if err := build(tx, next); err != nil {
			return nil, err
		}
		return nil, next.decide(tx)
	})
}

// change makes one step: build works on a copy, which becomes the membership once
// it is stored, with what was decided.
func (m *members) change(from certs.ID, build func(*state.Tx, *roster) ([]certs.Record, error)) error {
	m.turn.Lock()
	defer m.turn.Unlock()
	var step memberChange
	err := m.store.Update(func(tx *state.Tx) error {
		before := m.now.Load()
		step = memberChange{before: before, after: before.clone(), from: from}
		var err error
		if step.fresh, err = build(tx, step.after); err != nil {
			return err
		}
		return step.persist(tx)
	})
	if err != nil || len(step.fresh) == 0 && from != m.me {
		return err
	}
	step.after.settle()
	m.now.Store(step.after)
	switch {
	case slices.ContainsFunc(step.fresh, decisive):
		m.save(step.after)
	case len(step.fresh) > 0:
		notify(m.stale)
	}
	m.changed(step)
	return nil
}

// persist stores the records that are new and deletes those they replace.
func (c *memberChange) persist(tx *state.Tx) error {
	for _, r := range c.fresh {
		if err := tx.PutRecord(state.Record{Hash: r.Hash(), Raw: r.Bytes()}); err != nil {
			return err
		}
	}
	if len(c.fresh) == 0 {
		return nil
	}
	for _, h := range c.after.set.Missing(c.before.set.Hashes()) {
		if err := tx.DeleteRecord(h); err != nil {
			return err
		}
	}
	return nil
}

// approve lets held removals of subject count, as a person says.
func (m *members) approve(subject certs.ID) error {
	var hashes []certs.RecordHash
	now := m.now.Load()
	for h, held := range now.local.Held {
		rec, _ := now.set.Get(h)
		if revoke, ok := rec.Revoke(); ok && held && revoke.Subject == subject {
			hashes = append(hashes, h)
		}
	}
	if len(hashes) == 0 {
		return nil
	}
	return m.override(func(tx *state.Tx, _ *roster) error { return rule(tx, state.Approved, hashes...) })
}
