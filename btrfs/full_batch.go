package btrfs

import (
	"btrmesh/btrfs/sendstream"
)

// batch is a piece of a stream, some of which has still to be read.
type batch struct {
	piece []byte
	gaps  []gap
	done  chan error // holds the outcome of the reading once it is over
}

// gap is what is missing in a batch.
type gap struct {
	reading
	room sendstream.Room
	path []byte // of the file
}

// A batch is full from either of these on.
const (
	batchBytes = 256 << 10
	batchGaps  = 64
)

// batcher is a composition that puts batches together.
type batcher struct {
	composer *sendstream.Composer
	now      *batch
	// next is given each full batch, and returns one to go on with.
	next func(full *batch) (*batch, error)
}

func (b *batcher) add(c *sendstream.Command) error {
	if err := b.composer.Add(c); err != nil {
		return err
	}
	return b.cut()
}

func (b *batcher) addRead(c *sendstream.Command, r reading) error {
	room, wanted, err := b.composer.AddRoom(c, r.length)
	if err != nil {
		return err
	}
	if wanted {
		b.now.gaps = append(b.now.gaps, gap{r, room, c.Path})
	}
	return b.cut()
}

func (b *batcher) cut() error {
	if b.composer.Len() < batchBytes && len(b.now.gaps) < batchGaps {
		return nil
	}
	return b.pass()
}

// pass lets go of the batch, full or not.
func (b *batcher) pass() error {
	next, err := b.next(b.now)
	b.now = next
	return err
}
