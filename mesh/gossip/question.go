package gossip

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/hashicorp/memberlist"

	"btrmesh/certs"
)

// question asks a member whether it lives, for as long as memberlist's probe does,
// and as thoroughly: by a packet at once and another one in the end, and between
// them by a stream, which gets through where packets are lost.
func (g *Gossip) question(ctx context.Context, list *memberlist.Memberlist, id certs.ID) bool {
	t := g.c.Timing
	last := time.After(t.Probe - t.ProbeDirect)
	if pinged(list, id.String()) {
		return true
	}
	streamed := make(chan bool, 1)
	go func() { streamed <- g.line.ask(id, t.Probe-t.ProbeDirect) == nil }()
	answered := rest(ctx, last) && pinged(list, id.String())
	return <-streamed || answered
}

// pinged reports whether a packet is answered within Timing.ProbeDirect.
func pinged(list *memberlist.Memberlist, name string) bool {
	_, err := list.Ping(name, &net.UDPAddr{IP: anywhereIP(), Port: anywherePort})
	return err == nil
}

// ask asks a member by a stream.
func (t *transport) ask(id certs.ID, timeout time.Duration) error {
	until := time.Now().Add(timeout)
	c, err := t.reach(id, timeout)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // all was said
	if err := c.SetDeadline(until); err != nil {
		return fmt.Errorf("ask %s: %w", id.Short(), err)
	}
	if _, err := c.Write(pingFor(id.String())); err != nil {
		return fmt.Errorf("ask %s: %w", id.Short(), err)
	}
	var kind [1]byte
	if _, err := io.ReadFull(c, kind[:]); err != nil {
		return fmt.Errorf("ask %s: %w", id.Short(), err)
	}
	if message(kind[0]) != msgAck {
		return fmt.Errorf("ask %s: %w: kind %d", id.Short(), errMessage, kind[0])
	}
	t.roll.hear(id)
	return nil
}

// pingFor returns memberlist's ping (its net.go), to be sent on a stream, where the
// number in the answer means nothing.
func pingFor(name string) []byte {
	b := []byte{byte(msgPing), 0x82}
	b = append(appendText(b, "SeqNo"), 0)
	return appendText(appendText(b, "Node"), name)
}

// appendText appends a text as MessagePack's str 16.
func appendText(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint16(append(b, 0xda), uint16(len(s)))
	return append(b, s...)
}
