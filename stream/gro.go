package stream

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/net/ipv4"
)

// Generic receive offload, from linux/udp.h and udp(7), since Linux 5.0: one
// recvmsg takes a burst of datagrams of one flow, all of the length that a
// control message tells but the last, which may be shorter.
const (
	solUDP   = syscall.IPPROTO_UDP
	udpGRO   = 104 // the socket option, and the type of the control message: an int, bytes
	maxBurst = 1<<16 - 1
	maxCmsg  = 256 // bytes; quic-go's options make 120 beside ours
)

// groConn is a UDP socket that reads a burst of datagrams by one system call.
// quic-go reads by ReadBatch alone; the other ways to read would yield whole
// bursts. One goroutine may read; everything else is as of net.UDPConn.
type groConn struct {
	*net.UDPConn
	data, control []byte // to receive into
	burst         burst  // what is left of the last
	source        netip.AddrPort
	from          *net.UDPAddr // source, never changed: quic-go keeps it
}

// burst is what one system call received.
type burst struct {
	rest    []byte
	segment int    // bytes of each datagram but the last, > 0 unless rest is empty
	control []byte // of each
}

// batching makes conn read many datagrams by one system call where the kernel
// can, and else returns it as it is.
func batching(conn net.PacketConn, log *slog.Logger) net.PacketConn {
	udp, ok := conn.(*net.UDPConn)
	if !ok {
		return conn
	}
	c, err := newGROConn(udp)
	if err != nil {
		log.Debug("receive offload is off", "err", err)
		return conn
	}
	return c
}

// newGROConn switches receive offload on, for as long as the socket lives.
func newGROConn(udp *net.UDPConn) (*groConn, error) {
	raw, err := udp.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("switch receive offload on: %w", err)
	}
	var refused error
	err = raw.Control(func(fd uintptr) {
		refused = os.NewSyscallError("setsockopt", syscall.SetsockoptInt(int(fd), solUDP, udpGRO, 1))
	})
	if err = errors.Join(err, refused); err != nil {
		return nil, fmt.Errorf("switch receive offload on: %w", err)
	}
	return &groConn{UDPConn: udp, data: make([]byte, maxBurst), control: make([]byte, maxCmsg)}, nil
}

// ReadBatch fills a slot per datagram, from one burst: at least one, at most
// len(ms), by one system call or none. Flags are those of recvmsg and ignored.
// As with the kernel, a datagram longer than its slot is cut; control messages
// come whole or not at all.
func (c *groConn) ReadBatch(ms []ipv4.Message, _ int) (int, error) {
	if len(c.burst.rest) == 0 {
		if err := c.receive(); err != nil {
			return 0, err
		}
	}
	for i := range ms {
		ms[i].Addr = c.from
		if c.burst.next(&ms[i]); len(c.burst.rest) == 0 {
			return i + 1, nil
		}
	}
	return len(ms), nil
}

// receive waits for a burst. Errors are those of net.UDPConn: quic-go asks them
// whether they are temporary.
func (c *groConn) receive() error {
	n, controls, flags, source, err := c.ReadMsgUDPAddrPort(c.data, c.control)
	if err != nil {
		return err
	}
	if source != c.source || c.from == nil {
		c.source, c.from = source, net.UDPAddrFromAddrPort(source)
	}
	c.burst = newBurst(c.data[:n], c.control[:controls], flags)
	return nil
}

// newBurst is what recvmsg returned. It reorders control.
func newBurst(data, control []byte, flags int) burst {
	segment, others := splitControl(control)
	if segment < 1 || segment > len(data) {
		segment = len(data)
	}
	if flags&syscall.MSG_CTRUNC != 0 {
		others = nil // the last is cut, and quic-go gives the socket up over such
	}
	return burst{rest: data, segment: segment, control: others}
}

// next moves a datagram to m. An empty burst is one empty datagram.
func (b *burst) next(m *ipv4.Message) {
	n := min(b.segment, len(b.rest))
	m.N, m.NN = copy(m.Buffers[0], b.rest[:n]), 0
	if len(b.control) <= len(m.OOB) {
		m.NN = copy(m.OOB, b.control)
	}
	b.rest = b.rest[n:]
}

// splitControl takes the segment size out of a sequence of control messages, 0
// if there is none. The others move together in b; from the first that is
// malformed all are dropped.
func splitControl(b []byte) (segment int, others []byte) {
	others = b[:0]
	for len(b) > 0 {
		m, ok := firstControl(b)
		if !ok {
			break
		}
		if m.level == solUDP && m.kind == udpGRO {
			segment = m.int()
		} else {
			others = append(others, b[:m.space]...)
		}
		b = b[m.space:]
	}
	return segment, others
}

// cmsg is one control message.
type cmsg struct {
	level, kind int32
	body        []byte
	space       int // bytes in the sequence, with head and padding
}

// firstControl parses the message that b begins with: struct cmsghdr of
// linux/socket.h, whose length, a size_t, counts the head.
func firstControl(b []byte) (cmsg, bool) {
	const head, word = syscall.SizeofCmsghdr, syscall.SizeofCmsghdr - 8
	if len(b) < head {
		return cmsg{}, false
	}
	length := uint64(binary.NativeEndian.Uint32(b))
	if word == 8 {
		length = binary.NativeEndian.Uint64(b)
	}
	if length < head || length > uint64(len(b)) {
		return cmsg{}, false
	}
	n := int(length)
	return cmsg{
		level: int32(binary.NativeEndian.Uint32(b[word:])),
		kind:  int32(binary.NativeEndian.Uint32(b[word+4:])),
		body:  b[head:n],
		space: min((n+word-1)/word*word, len(b)), // the last may lack its padding
	}, true
}

// int is 0 unless the body is one.
func (m cmsg) int() int {
	if len(m.body) != 4 {
		return 0
	}
	return int(int32(binary.NativeEndian.Uint32(m.body)))
}
