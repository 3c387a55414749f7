package mesh

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"btrmesh/stream"
)

// feed takes one raw stream to the sessions that follow it.
type feed struct {
	mu    sync.Mutex
	lines map[*stream.Outbound]*line
	err   error
}

// line is one session of a feed.
type line struct {
	over chan struct{} // closed when nothing more will be written
	err  error         // why; nil: that was all
}

func newFeed(*slog.Logger) *feed { return &feed{lines: map[*stream.Outbound]*line{}} }

func (f *feed) follow(out *stream.Outbound) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return f.err
	}
	f.lines[out] = &line{over: make(chan struct{})}
	return nil
}

func (f *feed) live() map[*stream.Outbound]*line {
	f.mu.Lock()
	defer f.mu.Unlock()
	open := map[*stream.Outbound]*line{}
	for out, l := range f.lines {
		select {
		case <-l.over:
		default:
			open[out] = l
		}
	}
	return open
}

// Write gives p to each session in turn.
func (f *feed) Write(p []byte) (int, error) {
	open := f.live()
	var last error
	for out, l := range open {
		if _, err := out.Write(p); err != nil {
			f.end(l, err)
			last = err
			delete(open, out)
		}
	}
	if len(open) == 0 {
		return 0, errors.Join(errDeserted, last)
	}
	return len(p), nil
}

// End says that all was written.
func (f *feed) End() error {
	for _, l := range f.live() {
		f.end(l, nil)
	}
	return nil
}

// Abort gives up.
func (f *feed) Abort(err error) {
	f.mu.Lock()
	f.err = err
	f.mu.Unlock()
	for _, l := range f.live() {
		f.end(l, err)
	}
}

func (f *feed) end(l *line, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case <-l.over:
	default:
		l.err = err
		close(l.over)
	}
}

// verdict waits for the end, and for what the target says.
func (f *feed) verdict(ctx context.Context, out *stream.Outbound) (stream.Committed, error) {
	f.mu.Lock()
	l := f.lines[out]
	f.mu.Unlock()
	select {
	case <-l.over:
	case <-ctx.Done():
		return stream.Committed{}, context.Cause(ctx)
	}
	if l.err != nil {
		return stream.Committed{}, l.err
	}
	return out.End(ctx)
}
