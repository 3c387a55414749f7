package receive

import (
	"os"

	"btrmesh/btrfs"
)

// flusher writes out what was applied while more is being applied, so that the
// next checkpoint, which holds the stream up, finds little left to write. It is
// used by one goroutine. The zero value is ready.
type flusher struct {
	done chan struct{} // closed at the end of the last flush; nil: there was none
}

// start begins a flush of the file system root is on, unless one is going on. It
// has a file of its own: an error of the disk is told once for each, and Seal has
// to be told.
func (f *flusher) start(root *os.File) {
	if f.busy() {
		return
	}
	file, err := openDir(root, ".")
	if err != nil {
		return // slower, not wrong
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer release(file)
		_ = btrfs.SyncFS(file) // see above
	}()
	f.done = done
}

func (f *flusher) busy() bool {
	if f.done == nil {
		return false
	}
	select {
	case <-f.done:
		return false
	default:
		return true
	}
}

// wait returns when nothing is going on.
func (f *flusher) wait() {
	if f.done != nil {
		<-f.done
	}
}
