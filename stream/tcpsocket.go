package stream

import (
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Settings of a cable's TCP socket, tcp(7).
const (
	userTimeout   = 30 * time.Second // without an acknowledgement, then the connection is dead
	notSent       = 256 << 10        // bytes in the socket that are not under way: more would outrun a limit
	notSentTunnel = 16 << 10         // more would keep the gossip waiting behind data
	congestion    = "bbr"            // does not take every loss for congestion
)

// tune sets a socket up for bulk data that must stop when it is told to. What
// the kernel does not offer stays as it is.
func tune(conn net.Conn) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return
	}
	_ = tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: dataKeepAlive, Interval: 5 * time.Second, Count: 4})
	onSocket(tcp, func(fd int) error {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(userTimeout.Milliseconds()))
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, notSent)
		return unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, congestion)
	})
}

// hasten keeps what waits in a tunnel's socket short.
func hasten(conn net.Conn) {
	onSocket(conn, func(fd int) error {
		return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, notSentTunnel)
	})
}

// congestionOf names the congestion control of conn; empty: not known.
func congestionOf(conn net.Conn) (name string) {
	onSocket(conn, func(fd int) (err error) {
		name, err = unix.GetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION)
		return err
	})
	return name
}

// Overhead of a segment: IP, TCP and its time stamps.
const (
	tcp4Head = 20 + 20 + 12
	tcp6Head = 40 + 20 + 12
)

// tcpStats asks the kernel; false if it does not say.
func tcpStats(conn net.Conn) (s carrierStats, ok bool) {
	var info *unix.TCPInfo
	ok = onSocket(conn, func(fd int) (err error) {
		info, err = unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		return err
	})
	if !ok {
		return carrierStats{}, false
	}
	head := int64(tcp4Head)
	if hostOf(conn.RemoteAddr()).Is6() {
		head = tcp6Head
	}
	segments := int64(info.Segs_out)
	return carrierStats{
		wireBytes: int64(info.Bytes_sent) + segments*head,
		packets:   segments, lost: int64(info.Total_retrans),
		rtt: time.Duration(info.Rtt) * time.Microsecond,
	}, true
}

// onSocket runs do on the descriptor of conn; false if there is none, or do fails.
func onSocket(conn net.Conn, do func(fd int) error) bool {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = do(int(fd)) })
	return err == nil && failed == nil
}
