package gossip

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"sync"
)

// prefixSize is how much of the mesh's name goes before all packets, and all
// that is sent on a stream by who opened it, in bytes.
const prefixSize = 8

// prefix keeps two meshes with common members apart.
type prefix [prefixSize]byte

// put returns prefix and b in new memory.
func (p *prefix) put(b []byte) []byte {
	return append(append(make([]byte, 0, prefixSize+len(b)), p[:]...), b...)
}

// cut returns what follows the prefix.
func (p *prefix) cut(b []byte) ([]byte, bool) { return bytes.CutPrefix(b, p[:]) }

// conn is a stream as memberlist gets it: what comes in has been looked at
// first, see streamHead. Reads and writes are one goroutine's each.
type conn struct {
	net.Conn
	t       *transport
	out, in *prefix          // to write and to expect first; nil: none
	allowed map[message]bool // what may come in
	from    io.Reader        // nil until the head is read
	broken  error            // why it is not
	once    sync.Once
	done    chan struct{} // closed when the stream is
}

// Read reads what follows the prefix.
func (c *conn) Read(b []byte) (int, error) {
	if c.from == nil && c.broken == nil {
		c.from, c.broken = c.head()
	}
	if c.broken != nil {
		return 0, c.broken
	}
	return c.from.Read(b)
}

// head reads as much as tells how long the rest may be.
func (c *conn) head() (io.Reader, error) {
	if c.in != nil {
		var got prefix
		if _, err := io.ReadFull(c.Conn, got[:]); err != nil {
			return nil, err
		}
		if got != *c.in {
			c.t.counters.streamsRefused.Add(1)
			return nil, fmt.Errorf("%w: of another mesh", errMessage)
		}
	}
	var seen bytes.Buffer
	limit, err := streamHead(io.TeeReader(c.Conn, &seen), c.allowed)
	if err != nil {
		c.t.counters.streamsRefused.Add(1)
		return nil, err
	}
	return io.LimitReader(io.MultiReader(&seen, c.Conn), limit), nil
}

// Write puts the prefix before the first b.
func (c *conn) Write(b []byte) (int, error) {
	if c.out == nil {
		return c.Conn.Write(b)
	}
	n, err := c.Conn.Write(c.out.put(b))
	c.out = nil
	return max(0, n-prefixSize), err
}

// Close closes the stream; again is no error.
func (c *conn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() {
		c.t.leave(c)
		close(c.done)
	})
	return err
}
