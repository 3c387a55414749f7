package receive

import (
	"fmt"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs/sendstream"
)

// rear carries out, in a goroutine of its own and in their order, the commands
// that fill new files and date them, while the applier makes the next entries. Half
// of the work is of either kind, and they hardly meet in the kernel: what is done
// here goes by descriptors and looks no name up. Making entries in two goroutines
// gained nothing, as they wait for the same directory and leaves. On two
// processors a tree of 78,000 entries took 4 to 9 % less time.
//
// While it is busy, the content is its own, and so are the files it was given. What
// else is done to these waits for recall. Its memory is bounded, to 1.3 MiB, and
// so are the files it holds open, to one for each task.
//
// It is used by one goroutine. With a content it is ready.
type rear struct {
	content *content
	path    string // of the file that the next task may be about; "": it begins with a file

	next *load
	busy bool // something was added since the last recall
	work chan *load
	idle chan *load // not in next nor at work
	left chan struct{}

	file openFile // of the last task done
	err  error    // the first
}

// load is what is handed over at once.
type load struct {
	tasks []task
	bytes []byte        // what the commands refer to
	err   error         // the first of all loads so far
	done  chan struct{} // closed once it and all before are; nil: nobody waits
}

// task is a command about an open file.
type task struct {
	file    openFile // to begin with; none: it is that of the task before
	command sendstream.Command
}

// Bounds of the rear. The bytes are enough for any one command.
const (
	loadBytes = 264 << 10
	loadTasks = 128
	loads     = 4
)

// takes reports whether the rear can carry out commands of type t.
func (r *rear) takes(t sendstream.Type) bool {
	switch t { //nolint:exhaustive // any other needs a path or is rare
	case sendstream.CmdWrite, sendstream.CmdEncodedWrite, sendstream.CmdChown, sendstream.CmdChmod, sendstream.CmdUtimes:
		return true
	}
	return false
}

// begin takes over an open file.
func (r *rear) begin(file openFile, c *sendstream.Command) error {
	if r.work == nil {
		r.start()
	}
	r.path = file.path
	return r.add(task{file, *c})
}

// goOn adds a command about the file at path.
func (r *rear) goOn(c *sendstream.Command) error { return r.add(task{command: *c}) }

// start makes the loads and the goroutine, which end with close.
func (r *rear) start() {
	r.work, r.idle, r.left = make(chan *load, loads), make(chan *load, loads), make(chan struct{})
	for range loads {
		r.idle <- &load{bytes: make([]byte, 0, loadBytes), tasks: make([]task, 0, loadTasks)}
	}
	r.next = <-r.idle
	go r.follow()
}

// add keeps a task. It waits if too much is to be done. Its error is that of a task
// before: then nothing more is carried out.
func (r *rear) add(t task) error {
	r.busy = true
	var err error
	if !r.next.fits(&t) {
		r.work <- r.next
		r.next = <-r.idle
		err = r.next.err
	}
	r.next.add(t)
	return err
}

func (l *load) fits(t *task) bool {
	c := &t.command
	return len(l.tasks) < loadTasks && len(l.bytes)+len(c.Path)+len(c.Data) <= loadBytes
}

func (l *load) add(t task) {
	t.command.Path, t.command.Data = l.copy(t.command.Path), l.copy(t.command.Data)
	l.tasks = append(l.tasks, t)
}

func (l *load) copy(b []byte) []byte {
	from := len(l.bytes)
	l.bytes = append(l.bytes, b...)
	return l.bytes[from:]
}

// follow works until there will be nothing more.
func (r *rear) follow() {
	defer close(r.left)
	for l := range r.work {
		for i := range l.tasks {
			r.carryOut(&l.tasks[i])
		}
		r.giveBack(l)
	}
}

func (r *rear) giveBack(l *load) {
	done := l.done
	*l = load{tasks: l.tasks[:0], bytes: l.bytes[:0], err: r.err}
	r.idle <- l
	if done != nil {
		close(done)
	}
}

// carryOut does nothing after an error but close files.
func (r *rear) carryOut(t *task) {
	c := &t.command
	if t.file.open {
		err := r.content.leave(&r.file)
		r.file = t.file
		r.fail(c, err)
	}
	if r.err == nil {
		r.fail(c, r.content.fill(&r.file, c))
	}
}

func (r *rear) fail(c *sendstream.Command, err error) {
	if r.err == nil {
		r.err = blame(c, err)
	}
}

// fill carries out one of the commands that the rear takes.
func (t *content) fill(file *openFile, c *sendstream.Command) error {
	entry := inode{file: file}
	switch c.Type { //nolint:exhaustive // see takes
	case sendstream.CmdWrite:
		return t.put(file, c.Data, int64(c.FileOffset))
	case sendstream.CmdEncodedWrite:
		return t.putEncoded(file, c)
	case sendstream.CmdChown:
		return entry.setOwner(int(c.UID), int(c.GID))
	case sendstream.CmdChmod:
		_, err := entry.setMode(uint32(c.Mode) & modeBits)
		return err
	case sendstream.CmdUtimes:
		return entry.setTimes(timesOf(c))
	}
	return fmt.Errorf("command %s in the rear: %w", c.Type, unix.EINVAL)
}

// recall waits until all is done and returns the file of the last task, unless
// there is none. The error is that of a task.
func (r *rear) recall() (openFile, error) {
	if !r.busy {
		return openFile{}, r.err
	}
	done := make(chan struct{})
	r.next.done = done
	r.work <- r.next
	<-done
	r.next, r.busy, r.path = <-r.idle, false, ""
	file := r.file
	r.file = openFile{}
	return file, r.err
}

// close ends the goroutine and closes all files. What was not begun yet is left.
func (r *rear) close() {
	if r.work == nil {
		return
	}
	close(r.work)
	<-r.left
	for i := range r.next.tasks {
		release(&r.next.tasks[i].file)
	}
	release(&r.file)
	*r = rear{content: r.content}
}
