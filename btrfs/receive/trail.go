package receive

import "golang.org/x/sys/unix"

// trail comes behind the applier: it begins to write out what was written, and
// closes files that the applier is done with. The kernel itself begins when a tenth
// of the memory is full, or after 30 s, and until then the disk and the other
// processors have nothing to do, which they catch up on while the stream waits.
//
// Nothing depends on it: what it does not write out, the next syncfs does. It is
// used by one goroutine. The zero value is ready.
type trail struct {
	next []piece
	size int64        // of next, in bytes of files
	work chan []piece // nil: nobody works
	done chan struct{}
}

// piece is a stretch of a file.
type piece struct {
	fd       int   // closed when the piece was begun to be written
	from, to int64 // bytes
}

// What is handed over at once, and how often that may wait: the rest is left to
// syncfs. At most four times maxPieces files are open.
const (
	maxPieces   = 64
	enoughBytes = 4 << 20
	maxBehind   = 2
)

// Bounds of a piece in bytes. Shorter ones cost more than they gain: with all files
// of a source tree it took 3 % more processor time. Of a longer file the trail gets
// one piece after the other; extents are cut there.
const (
	shortPiece = 64 << 10
	longPiece  = 16 << 20
)

// add takes a piece, with its descriptor.
func (t *trail) add(p piece) {
	t.next, t.size = append(t.next, p), t.size+p.to-p.from
	if len(t.next) >= maxPieces || t.size >= enoughBytes {
		t.handOver()
	}
}

// handOver never waits: a disk that cannot follow gets everything later.
func (t *trail) handOver() {
	if t.work == nil {
		t.work, t.done = make(chan []piece, maxBehind), make(chan struct{})
		go t.follow()
	}
	select {
	case t.work <- t.next:
	default:
		closeAll(t.next)
	}
	t.next, t.size = nil, 0
}

// follow works until there will be nothing more.
func (t *trail) follow() {
	defer close(t.done)
	for pieces := range t.work {
		for _, p := range pieces {
			_ = unix.SyncFileRange(p.fd, p.from, p.to-p.from, unix.SYNC_FILE_RANGE_WRITE) // see above
		}
		closeAll(pieces)
	}
}

// wait returns when no file is open any more.
func (t *trail) wait() {
	closeAll(t.next)
	if t.work != nil {
		close(t.work)
		<-t.done
	}
	*t = trail{}
}

func closeAll(pieces []piece) {
	for _, p := range pieces {
		_ = unix.Close(p.fd) // whether data was written, syncfs tells
	}
}
