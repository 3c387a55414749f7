package discover

import (
	"context"
	"log/slog"
	"strconv"
)

// maxText bounds what is logged of one message of the library.
const maxText = 500

// bridge lets the mdns library log, at debug level and with its text, which
// holds what strangers sent, in quotes.
type bridge struct{ slog.Handler }

// Handle implements [slog.Handler].
func (b bridge) Handle(ctx context.Context, r slog.Record) error {
	if !b.Enabled(ctx, slog.LevelDebug) {
		return nil
	}
	text := r.Message[:min(len(r.Message), maxText)]
	quoted := slog.NewRecord(r.Time, slog.LevelDebug, "mdns", 0)
	quoted.AddAttrs(slog.String("text", strconv.Quote(text)))
	return b.Handler.Handle(ctx, quoted)
}
