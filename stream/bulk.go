package stream

import (
	"bufio"
	"net"
	"sync"
	"time"
)

// bulkBuffer is how much one system call of a cable reads, and writes, at most:
// crypto/tls itself does both by the record, 16 KiB.
const bulkBuffer = 128 << 10

// bulk is the TCP connection below the TLS of a cable. It reads by large pieces.
// Between hold and flush it gathers what is written; Write keeps no copy
// otherwise. Read and Write may be called at the same time.
type bulk struct {
	net.Conn
	reader *bufio.Reader

	mu      sync.Mutex
	holding bool
	pending []byte // written while holding
}

func newBulk(conn net.Conn) *bulk {
	return &bulk{Conn: conn, reader: bufio.NewReaderSize(conn, bulkBuffer)}
}

func (b *bulk) Read(p []byte) (int, error) { return b.reader.Read(p) }

// hold gathers what is written from now on, until flush.
func (b *bulk) hold() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.holding = true
	if b.pending == nil {
		b.pending = make([]byte, 0, bulkBuffer)
	}
}

// flush writes what was gathered, and ends that.
func (b *bulk) flush() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.holding = false
	return b.empty()
}

// empty is called with mu held.
func (b *bulk) empty() error {
	if len(b.pending) == 0 {
		return nil
	}
	_, err := b.Conn.Write(b.pending)
	b.pending = b.pending[:0]
	return err
}

func (b *bulk) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.holding {
		return b.Conn.Write(p)
	}
	if len(b.pending)+len(p) > cap(b.pending) {
		if err := b.empty(); err != nil {
			return 0, err
		}
	}
	b.pending = append(b.pending, p...)
	return len(p), nil
}

// SetWriteDeadline does nothing. crypto/tls gives its last word 5 s, which a slow
// line full of data exceeds; a cable has time limits of its own, below.
func (b *bulk) SetWriteDeadline(time.Time) error { return nil }
