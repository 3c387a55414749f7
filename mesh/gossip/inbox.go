package gossip

import (
	"bytes"
	"context"

	"btrmesh/certs"
)

const inboxBatches = 256 // that wait to be merged; more are dropped

// inbox holds the batches that came. Safe for concurrent use.
type inbox struct {
	c        Config
	counters *counters
	batches  chan []byte
}

func newInbox(c Config, n *counters) *inbox {
	return &inbox{c: c, counters: n, batches: make(chan []byte, inboxBatches)}
}

// put copies b.
func (i *inbox) put(b []byte) {
	if len(b) > maxPacketIn {
		i.counters.batchesRefused.Add(1)
		return
	}
	select {
	case i.batches <- bytes.Clone(b):
	default:
		i.counters.batchesDropped.Add(1)
	}
}

// run merges what comes until ctx is done.
func (i *inbox) run(ctx context.Context) error {
	for {
		select {
		case b := <-i.batches:
			i.merge(ctx, b)
		case <-ctx.Done():
			return nil
		}
	}
}

func (i *inbox) merge(ctx context.Context, b []byte) {
	from, records, err := parseBatch(b)
	if err != nil || !i.member(from) {
		i.counters.batchesRefused.Add(1)
		return
	}
	if err := i.c.Records.Merge(ctx, from, records); err != nil {
		i.c.Log.Debug("records not merged", "peer", from.Short(), "records", len(records), "err", err)
	}
}

func (i *inbox) member(id certs.ID) bool { return id != i.c.Self && i.c.IsMember(id) }
