package stream

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"syscall"
)

// tcpNet is TCP between the nodes of a fabric, without latency: pipes, whose
// deadlines know the time of the bubble.
type tcpNet struct {
	mu    sync.Mutex
	ports map[string]*tcpPort
	conns []net.Conn // both ends of all
}

// tcpPort is a listener.
type tcpPort struct {
	addr   netip.AddrPort
	queue  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

// pipeEnd is one end of a connection.
type pipeEnd struct {
	net.Conn
	local, remote netip.AddrPort
}

func (p pipeEnd) LocalAddr() net.Addr  { return net.TCPAddrFromAddrPort(p.local) }
func (p pipeEnd) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(p.remote) }

func (p *tcpPort) Addr() net.Addr { return net.TCPAddrFromAddrPort(p.addr) }

func (p *tcpPort) Accept() (net.Conn, error) {
	select {
	case c := <-p.queue:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *tcpPort) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (n *tcpNet) listen(addr string) *tcpPort {
	n.mu.Lock()
	defer n.mu.Unlock()
	p := &tcpPort{addr: netip.MustParseAddrPort(addr), queue: make(chan net.Conn), closed: make(chan struct{})}
	n.ports[addr] = p
	return p
}

// dialler connects from the host of addr.
func (n *tcpNet) dialler(addr string) func(context.Context, string) (net.Conn, error) {
	from := netip.MustParseAddrPort(addr)
	return func(ctx context.Context, to string) (net.Conn, error) { return n.dial(ctx, from, to) }
}

func (n *tcpNet) dial(ctx context.Context, from netip.AddrPort, to string) (net.Conn, error) {
	n.mu.Lock()
	p, ok := n.ports[to]
	n.mu.Unlock()
	if !ok {
		return nil, syscall.ECONNREFUSED
	}
	a, b := net.Pipe()
	select {
	case p.queue <- pipeEnd{b, p.addr, from}:
	case <-p.closed:
		return nil, syscall.ECONNREFUSED
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.conns = append(n.conns, a, b)
	return pipeEnd{a, from, p.addr}, nil
}

// refuse closes the port of addr.
func (n *tcpNet) refuse(addr string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.ports, addr)
}

// kill breaks all connections.
func (n *tcpNet) kill() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.conns {
		_ = c.Close()
	}
	n.conns = nil
}
