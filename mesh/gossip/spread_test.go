package gossip

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"btrmesh/certs"
)

func TestRecordNobodyBroadcastIsFoundByItsDigest(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		t.Helper()
		s := newConverged(t, 5)
		time.Sleep(10 * time.Second)
		s.node(2).records.add("silent")
		took := s.until(15*time.Second, func(n *node, _ certs.ID) bool { return n.records.has("silent") })
		t.Logf("known to all after %s", took)
	})
}

func TestBroadcastCausesHardlyASync(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		t.Helper()
		s := newConverged(t, 16)
		time.Sleep(10 * time.Second)
		before := s.syncs()
		for i := range 10 {
			s.spread(i, fmt.Sprint("record ", i), 5*time.Second)
			time.Sleep(20 * time.Second)
		}
		// Exchanges of state may fall into the second it takes. If every member
		// synchronised for every record there were 160.
		if n := s.syncs() - before; n > 16 {
			t.Errorf("%d syncs for 10 records", n)
		}
	})
}

func TestDifferenceThatStaysCausesFewSyncs(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		t.Helper()
		s := newConverged(t, 5)
		s.node(2).records.refuse("held back by node 2")
		s.give(0, "held back by node 2")
		before := s.syncs()
		time.Sleep(10 * time.Minute)
		perPair := DefaultTiming().Resync
		if n, most := s.syncs()-before, 8*int(10*time.Minute/perPair)+8; n > most || n == 0 {
			t.Errorf("%d syncs in 10 minutes, want 1 to %d", n, most)
		}
	})
}

func TestBatchesKeepOrderAndSize(t *testing.T) {
	record := func(n int) []byte { return bytes.Repeat([]byte{byte(n)}, n) }
	var in [][]byte
	for _, n := range []int{1, 1024, 1, 500, 500, 500, 1024, 1024, 90} {
		in = append(in, record(n))
	}
	var out [][]byte
	batches := cutBatches(testID(1), in)
	for _, b := range batches {
		from, records, err := parseBatch(b)
		if err != nil || from != testID(1) || len(b) > maxBatch {
			t.Errorf("batch of %d bytes from %s: %v", len(b), from.Short(), err)
		}
		out = append(out, records...)
	}
	if len(batches) != 6 || !bytes.Equal(bytes.Join(in, nil), bytes.Join(out, nil)) || len(in) != len(out) {
		t.Errorf("%d batches, %d records", len(batches), len(out))
	}
}

func TestMalformedBatchesAreRefused(t *testing.T) {
	id := testID(1)
	head := append([]byte{batchVersion}, id[:]...)
	for name, b := range map[string][]byte{
		"empty":          nil,
		"short header":   head[:20],
		"later version":  append([]byte{2}, id[:]...),
		"half a length":  append(bytes.Clone(head), 0),
		"empty record":   append(bytes.Clone(head), 0, 0),
		"missing record": append(bytes.Clone(head), 0, 1),
		"large record":   append(append(bytes.Clone(head), 4, 1), make([]byte, 1025)...),
	} {
		if _, _, err := parseBatch(b); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestOutboxIsBoundedAndLeavesLargeRecordsToSync(t *testing.T) {
	var n counters
	o := newOutbox(testID(1), &n)
	o.size.Store(10)
	o.put([][]byte{make([]byte, MaxRecord+1), nil})
	if n.recordsOversize.Load() != 2 || o.queue.NumQueued() != 0 {
		t.Errorf("%d oversize, %d queued", n.recordsOversize.Load(), o.queue.NumQueued())
	}
	for range 3 * outboxBatches {
		o.put([][]byte{make([]byte, MaxRecord)})
	}
	if got := o.queue.NumQueued(); got != outboxBatches {
		t.Errorf("%d queued", got)
	}
}

func TestLargestRecordFitsAGossipPacket(t *testing.T) {
	var n counters
	o := newOutbox(testID(1), &n)
	o.size.Store(2)
	o.put([][]byte{make([]byte, MaxRecord)})
	const compound, part, kind = 2, 2, 1 // what memberlist takes off first
	if got := o.take(part+kind, packetBuffer-compound); len(got) != 1 {
		t.Error("it is never sent")
	}
}
