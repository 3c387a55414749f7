package state

import (
	"bytes"
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/dgraph-io/badger/v4"

	"btrmesh/certs"
)

// trimBatch bounds the deletions of one transaction: Badger refuses too large
// ones (13,107 entries with our memtable).
const trimBatch = 1000

// RunFilter selects runs. Zero fields select all.
type RunFilter struct {
	Side   Side
	Peer   certs.ID
	Task   string
	Failed bool      // only those
	Since  time.Time // started then or later
	Limit  int       // the newest so many
}

func (f RunFilter) matches(r Run) bool {
	return (f.Side == 0 || r.Side == f.Side) &&
		(f.Peer.IsZero() || r.Peer == f.Peer) &&
		(f.Task == "" || r.Task == f.Task) &&
		(!f.Failed || r.State == Failed) &&
		!r.Started.Before(f.Since)
}

// prefix is the longest beginning that the keys of all matches have in common.
func (f RunFilter) prefix() []byte {
	switch {
	case f.Side == Send && f.Task != "", f.Side == Receive && f.Task != "" && !f.Peer.IsZero():
		return runGroup(f.Side, f.Peer, f.Task)
	case f.Side == Receive && !f.Peer.IsZero():
		return append([]byte{kindRun, byte(Receive)}, f.Peer[:]...)
	case f.Side != 0:
		return []byte{kindRun, byte(f.Side)}
	}
	return []byte{kindRun}
}

// full reports whether n runs are enough.
func (f RunFilter) full(n int) bool { return f.Limit > 0 && n >= f.Limit }

// Runs returns the runs that match f, the newest first. With a limit it reads
// little more than that many of each task, however long the history is. See Tx
// for corrupt ones.
func (tx *Tx) Runs(f RunFilter) ([]Run, error) {
	it := tx.iterate(true)
	defer it.Close()
	var runs []Run
	var errs []error
	prefix := f.prefix()
	for it.Seek(after(prefix)); it.ValidForPrefix(prefix); {
		key := it.Item().Key()
		group := bytes.Clone(key[:max(len(prefix), len(key)-numberSize)])
		found, err := tx.newestOf(it, group, f)
		runs, errs = append(runs, found...), append(errs, err)
		it.Seek(group) // all keys of the group are greater
	}
	slices.SortStableFunc(runs, newestFirst)
	if f.full(len(runs)) {
		runs = runs[:f.Limit]
	}
	return runs, errors.Join(errs...)
}

// newestOf returns the matches among the runs of one task, on whose last one it
// stands.
func (tx *Tx) newestOf(it *badger.Iterator, group []byte, f RunFilter) ([]Run, error) {
	var runs []Run
	var errs []error
	for ; it.ValidForPrefix(group) && !f.full(len(runs)); it.Next() {
		r, err := read[Run](tx, it.Item())
		if err != nil {
			errs = append(errs, err)
		} else if f.matches(r) {
			runs = append(runs, r)
		}
	}
	return runs, errors.Join(errs...)
}

func newestFirst(a, b Run) int {
	return cmp.Or(b.Started.Compare(a.Started), cmp.Compare(b.Number, a.Number))
}

// after is greater than all keys of ours that begin with prefix.
func after(prefix []byte) []byte {
	return append(bytes.Clone(prefix), bytes.Repeat([]byte{0xff}, numberSize+1)...)
}

// TrimRuns deletes all final runs of a task but those among the newest keep,
// oldest first, at most 1000 at a time, and returns how many: call again, in
// another transaction, while there are any. peer is looked at on the receiving
// side only.
func (tx *Tx) TrimRuns(side Side, peer certs.ID, task string, keep int) (int, error) {
	keys := tx.keys(runGroup(side, peer, task))
	old := keys[:max(0, len(keys)-max(0, keep))]
	trimmed := 0
	for _, key := range old {
		if trimmed == trimBatch {
			break
		}
		open, err := tx.has(openKey(key, kindOpenRun))
		if err != nil {
			return trimmed, err
		}
		if open {
			continue
		}
		if err := tx.drop(key); err != nil {
			return trimmed, err
		}
		trimmed++
	}
	return trimmed, nil
}
