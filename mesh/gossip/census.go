package gossip

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// errUncounted: memberlist does not know of a member.
var errUncounted = errors.New("not in the state of memberlist")

// emptyState is a state of memberlist (its net.go: pushPullHeader) with no members
// and no note, which is answered by all that memberlist knows, and changes nothing.
const emptyState = "\x06\x83\xa5Nodes\x00\xacUserStateLen\x00\xa4Join\xc2"

// incarnation returns the one of a member that memberlist knows. memberlist has no
// call for it, but tells it to anyone who exchanges states.
func (t *transport) incarnation(ctx context.Context, name string) (uint32, error) {
	state, err := t.census(ctx)
	if err != nil {
		return 0, fmt.Errorf("incarnation: %w", err)
	}
	return incarnationIn(state, name)
}

// census exchanges states with this appliance's own memberlist.
func (t *transport) census(ctx context.Context) ([]byte, error) {
	ours, theirs := net.Pipe()
	defer func() { _ = ours.Close() }() // never fails
	if err := ours.SetDeadline(time.Now().Add(t.c.Timing.Dial)); err != nil {
		return nil, err
	}
	select {
	case t.streams <- theirs:
	case <-t.down:
		return nil, errClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if _, err := io.WriteString(ours, emptyState); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(ours, maxSmall+maxNodes*maxNodeText))
}

// incarnationIn finds a member in a state as it is sent on a stream: kind, header,
// members, note.
func incarnationIn(state []byte, name string) (uint32, error) {
	r := bytes.NewReader(state)
	if kind, err := r.ReadByte(); err != nil || message(kind) != msgPushPull {
		return 0, fmt.Errorf("%w: no state", errMessage)
	}
	nodes, _, err := readStateHeader(r)
	h := header{r: r, err: err}
	for ; nodes > 0 && h.err == nil; nodes-- {
		if of, incarnation := h.nodeState(); of == name && h.err == nil {
			return incarnation, nil
		}
	}
	if h.err != nil {
		return 0, h.err
	}
	return 0, errUncounted
}
