package btrfs

import (
	"context"
	"errors"
	"io"
	"testing"

	"golang.org/x/sys/unix"
)

func TestCauseOfAFailedSendIsPicked(t *testing.T) {
	errStop, errRelay := errors.New("stop"), errors.New("relay")
	stopped, cancel := context.WithCancelCause(t.Context())
	cancel(errStop)
	for name, c := range map[string]struct {
		ctx         context.Context //nolint:containedctx // the case is about it
		sent, relay error
		want        error
	}{
		"nothing":                        {t.Context(), nil, nil, nil},
		"whole before the end of ctx":    {stopped, nil, nil, nil},
		"stopped":                        {stopped, unix.EPIPE, io.ErrClosedPipe, errStop},
		"kernel failed, stream cut":      {t.Context(), unix.EIO, io.ErrUnexpectedEOF, unix.EIO},
		"kernel failed, stream whole":    {t.Context(), unix.EIO, nil, unix.EIO},
		"relay failed":                   {t.Context(), unix.EPIPE, errRelay, errRelay},
		"relay failed at the end":        {t.Context(), nil, errRelay, errRelay},
		"pipe broke and nobody says why": {t.Context(), unix.EPIPE, nil, unix.EPIPE},
	} {
		t.Run(name, func(t *testing.T) {
			if got := sendError(c.ctx, c.sent, c.relay); !errors.Is(got, c.want) || (got == nil) != (c.want == nil) {
				t.Errorf("error is %v, want %v", got, c.want)
			}
		})
	}
}
