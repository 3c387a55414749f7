package stream

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"syscall"
)

// socketBuffer is what quic-go wants of a socket, each way, in bytes as the
// kernel counts them, its own overhead included. The kernel gives up to twice
// the limits net.core.rmem_max and wmem_max, and any size to CAP_NET_ADMIN.
const socketBuffer = 7 << 20

// checkBuffers warns if the kernel gave the socket less than socketBuffer.
func checkBuffers(conn net.PacketConn, log *slog.Logger) {
	udp, ok := conn.(*net.UDPConn)
	if !ok {
		return
	}
	receive, send, err := bufferSizes(udp)
	if err != nil {
		log.Debug("socket buffers are unknown", "err", err)
		return
	}
	if receive < socketBuffer || send < socketBuffer {
		log.Warn("socket buffers are small, fast transfers will lose packets",
			"receive_bytes", receive, "send_bytes", send, "want_bytes", socketBuffer,
			"hint", fmt.Sprintf("sysctl -w net.core.rmem_max=%d net.core.wmem_max=%[1]d", socketBuffer))
	}
}

// bufferSizes returns bytes as the kernel counts them.
func bufferSizes(udp *net.UDPConn) (receive, send int, err error) {
	raw, err := udp.SyscallConn()
	if err != nil {
		return 0, 0, fmt.Errorf("inspect socket buffers: %w", err)
	}
	var noReceive, noSend error
	err = raw.Control(func(fd uintptr) {
		receive, noReceive = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF)
		send, noSend = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_SNDBUF)
	})
	if err = errors.Join(err, os.NewSyscallError("getsockopt", noReceive), os.NewSyscallError("getsockopt", noSend)); err != nil {
		return 0, 0, fmt.Errorf("inspect socket buffers: %w", err)
	}
	return receive, send, nil
}
