package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"syscall"
)

// isJournal tells whether w is the stream that journald reads: JOURNAL_STREAM
// holds its device and inode, DEV:INO (systemd.exec(5)).
func isJournal(w io.Writer, stream string) bool {
	f, ok := w.(*os.File)
	if !ok || stream == "" {
		return false
	}
	info, err := f.Stat()
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stream == fmt.Sprintf("%d:%d", stat.Dev, stat.Ino)
}

// journalHandler writes text lines with a priority in front, <3> to <7>
// (sd-daemon(3)), and leaves time and level to the journal. Safe for
// concurrent use.
type journalHandler struct {
	out  *journalOutput
	text slog.Handler // writes into out.line
}

// journalOutput is what all handlers of one log share.
type journalOutput struct {
	mu   sync.Mutex
	w    io.Writer
	line bytes.Buffer
}

func newJournalHandler(w io.Writer, level slog.Level) journalHandler {
	out := &journalOutput{w: w}
	drop := func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
			return slog.Attr{}
		}
		return a
	}
	return journalHandler{out: out, text: slog.NewTextHandler(&out.line, &slog.HandlerOptions{Level: level, ReplaceAttr: drop})}
}

// Enabled tells whether a level is logged.
func (h journalHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.text.Enabled(ctx, level)
}

// Handle writes one line.
func (h journalHandler) Handle(ctx context.Context, r slog.Record) error {
	h.out.mu.Lock()
	defer h.out.mu.Unlock()
	h.out.line.Reset()
	fmt.Fprintf(&h.out.line, "<%d>", priority(r.Level))
	if err := h.text.Handle(ctx, r); err != nil {
		return err
	}
	_, err := h.out.w.Write(h.out.line.Bytes())
	return err
}

// WithAttrs returns a handler that adds attrs to each line.
func (h journalHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return journalHandler{out: h.out, text: h.text.WithAttrs(attrs)}
}

// WithGroup returns a handler that puts attributes under name.
func (h journalHandler) WithGroup(name string) slog.Handler {
	return journalHandler{out: h.out, text: h.text.WithGroup(name)}
}

// priority is a level as syslog numbers it (syslog(3)).
func priority(level slog.Level) int {
	switch {
	case level >= slog.LevelError:
		return 3
	case level >= slog.LevelWarn:
		return 4
	case level >= slog.LevelInfo:
		return 6
	}
	return 7
}
