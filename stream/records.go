package stream

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"btrmesh/certs"
)

// Records is the set of membership records of this appliance. Here a record is
// opaque, at most 1 KiB, and known by a hash. Implementations are safe for
// concurrent use.
type Records interface {
	// Digest is equal for equal sets.
	Digest() [32]byte
	// Hashes names all records, each once.
	Hashes() [][32]byte
	// Records returns those of the set that hashes names.
	Records(hashes [][32]byte) [][]byte
	// Merge verifies what from sent, foreign but for its lengths, and has stored
	// what it took when it returns. A record that it will not have is no error:
	// after an error two appliances exchange nothing but gossip.
	Merge(ctx context.Context, from certs.ID, raw [][]byte) error
}

// Bounds of one exchange of records, in each direction.
const (
	maxRecord      = 1 << 10 // bytes
	maxRecordBytes = 4 << 20
	maxHashes      = 65536
	hashesAtOnce   = 1792     // per frame: 56 KiB
	recordsAtOnce  = 512      // per frame
	recordsInFrame = 60 << 10 // bytes
)

// sendHashes sends all of hashes, as far as they go.
func sendHashes(w *wire, hashes [][32]byte) error {
	hashes = hashes[:min(len(hashes), maxHashes)]
	for {
		page := hashes[:min(len(hashes), hashesAtOnce)]
		hashes = hashes[len(page):]
		m := hashPage{More: len(hashes) > 0}
		for _, h := range page {
			m.Hashes = append(m.Hashes, h[:]...)
		}
		if err := w.send(m); err != nil || !m.More {
			return err
		}
	}
}

// receiveHashes returns what sendHashes sent: foreign, perhaps repeated.
func receiveHashes(w *wire) ([][32]byte, error) {
	var all [][32]byte
	for {
		page, err := next[hashPage](w)
		if err != nil {
			return nil, err
		}
		for h := range slices.Chunk(page.Hashes, len(certs.ID{})) {
			all = append(all, [32]byte(h))
		}
		if err := within("hashes", len(all), maxHashes); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrBadStream, err)
		}
		if !page.More {
			return all, nil
		}
	}
}

// recordPages cuts records into frames, the last of them perhaps empty. It
// leaves out what is no record, and what exceeds the bytes of one exchange: the
// next one brings it.
func recordPages(records [][]byte) iter.Seq[recordPage] {
	return func(yield func(recordPage) bool) {
		var page recordPage
		inPage, inAll := 0, 0
		for _, r := range records {
			if len(r) == 0 || len(r) > maxRecord {
				continue
			}
			if inAll += len(r); inAll > maxRecordBytes {
				break
			}
			if inPage+len(r) > recordsInFrame || len(page.Records) == recordsAtOnce {
				page.More = true
				if !yield(page) {
					return
				}
				page, inPage = recordPage{}, 0
			}
			page.Records = append(page.Records, r)
			inPage += len(r)
		}
		yield(page)
	}
}

func sendRecords(w *wire, records [][]byte) error {
	for page := range recordPages(records) {
		if err := w.send(page); err != nil {
			return err
		}
	}
	return nil
}

// receiveRecords returns what sendRecords sent.
func receiveRecords(w *wire) ([][]byte, error) {
	var all [][]byte
	total := 0
	for {
		page, err := next[recordPage](w)
		if err != nil {
			return nil, err
		}
		for _, r := range page.Records {
			total += len(r)
		}
		if err := within("bytes of records", total, maxRecordBytes); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrBadStream, err)
		}
		all = append(all, page.Records...)
		if !page.More {
			return all, nil
		}
	}
}

// lacking returns which of theirs are not ours, each once.
func lacking(ours, theirs [][32]byte) [][32]byte {
	known := hashSet(ours)
	var out [][32]byte
	for _, h := range theirs {
		if !known[h] {
			known[h] = true
			out = append(out, h)
		}
	}
	return out
}

// common returns which of ours are theirs too.
func common(ours, theirs [][32]byte) [][32]byte {
	known := hashSet(theirs)
	return slices.DeleteFunc(slices.Clone(ours), func(h [32]byte) bool { return !known[h] })
}

func hashSet(hashes [][32]byte) map[[32]byte]bool {
	set := make(map[[32]byte]bool, len(hashes))
	for _, h := range hashes {
		set[h] = true
	}
	return set
}

func (p hashPage) check() error {
	n := len(p.Hashes) / len(certs.ID{})
	switch {
	case len(p.Hashes)%len(certs.ID{}) != 0:
		return fmt.Errorf("hashes of %d bytes", len(p.Hashes))
	case p.More && n == 0:
		return errors.New("empty page before the last")
	}
	return within("hashes", n, hashesAtOnce)
}

func (p recordPage) check() error {
	if p.More && len(p.Records) == 0 {
		return errors.New("empty page before the last")
	}
	for _, r := range p.Records {
		if len(r) == 0 || len(r) > maxRecord {
			return fmt.Errorf("record of %d bytes", len(r))
		}
	}
	return within("records", len(p.Records), recordsAtOnce)
}
