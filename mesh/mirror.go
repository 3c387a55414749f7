package mesh

import (
	"context"
	"time"

	"btrmesh/certs"
	"btrmesh/state"
)

// mirror keeps the records a second time, for an appliance that lost its store.
type mirror interface {
	Save(records [][]byte) error
	Load() ([][]byte, error)
}

// restore takes the records from the mirror if the store has none, and brings the
// mirror up to date else.
func (m *members) restore() error {
	if !m.mesh().IsZero() {
		m.save(m.now.Load())
		return nil
	}
	raw, err := m.mirror.Load()
	if err != nil {
		m.log.Error("mirrored members not read", "err", err)
		return nil // an appliance that is in no mesh can be paired again
	}
	if len(raw) == 0 {
		return nil
	}
	m.log.Warn("the store holds no members; they are taken from their mirror", "records", len(raw))
	return m.change(m.me, func(_ *state.Tx, next *roster) ([]certs.Record, error) { return next.set.AddBytes(raw...) })
}

// save mirrors the records. Without the mirror all works, until the store is lost.
func (m *members) save(r *roster) {
	if err := m.mirror.Save(bytesOfRecords(r.set.All())); err != nil {
		m.log.Error("members not mirrored", "err", err)
	}
}

// mirrorPause is how long descriptions are gathered before they are mirrored. Who
// is a member is mirrored before anybody is told.
const mirrorPause = time.Second

// keepMirrored mirrors what changed until ctx is done, and then once more.
func (m *members) keepMirrored(ctx context.Context) error {
	for ctx.Err() == nil {
		select {
		case <-m.stale:
		case <-ctx.Done():
		}
		select {
		case <-time.After(mirrorPause):
		case <-ctx.Done():
		}
		m.turn.Lock()
		m.save(m.now.Load())
		m.turn.Unlock()
	}
	return nil
}
