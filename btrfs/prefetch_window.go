package btrfs

// Bounds of a window.
const (
	windowBytes = 32 << 20 // of file content
	windowFiles = 512      // that are open
)

// window is what was read ahead of a send, in the order of the send. The zero
// value is empty. It is not safe for concurrent use.
type window struct {
	extents []dataExtent
	files   []warmFile // of the extents and, if some of it is to come, of the last one
	bytes   int64
}

// isFull reports whether e has to wait until the send has come further.
func (w *window) isFull() bool {
	return w.bytes >= windowBytes || len(w.files) >= windowFiles
}

// add takes e in. Its file is opened unless it is that of the extent before.
func (w *window) add(e dataExtent, open func(inode uint64) (warmFile, error)) (warmFile, error) {
	if n := len(w.files); n == 0 || w.files[n-1].inode != e.inode {
		f, err := open(e.inode)
		if err != nil {
			return warmFile{}, err
		}
		w.files = append(w.files, f)
	}
	w.extents, w.bytes = append(w.extents, e), w.bytes+e.length
	return w.files[len(w.files)-1], nil
}

// pass removes what a send at that spot does not need any more: the files it is
// done with and, of the one it is in, the extents.
func (w *window) pass(at spot) (files []warmFile, extents []dataExtent) {
	n := 0
	for ; n < len(w.extents) && at.isPast(w.extents[n]); n++ {
		e := w.extents[n]
		w.bytes -= e.length
		if e.inode == at.inode {
			extents = append(extents, e)
		}
	}
	w.extents = w.extents[n:]
	n = 0
	for n < len(w.files) && w.files[n].inode < at.inode {
		n++
	}
	files, w.files = w.files[:n], w.files[n:]
	return files, extents
}
