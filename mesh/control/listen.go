package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
)

// maxClients bounds the connections served at a time; more wait to be accepted.
const maxClients = 64

// ErrSocketInUse says that another process serves the socket.
var ErrSocketInUse = errors.New("socket is served by another process")

// Listen makes the unix socket at path with mode 0660 and group btrmesh, where
// that exists, and its directory with mode 0755. A socket that nobody serves
// any more is replaced; the error wraps ErrSocketInUse for one that is.
func Listen(ctx context.Context, path string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	if err := removeStale(ctx, path); err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	if err := openToGroup(path); err != nil {
		return nil, errors.Join(fmt.Errorf("listen on %s: %w", path, err), l.Close())
	}
	return l, nil
}

// removeStale removes a socket that refuses connections. Anything else at path
// is an error.
func removeStale(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return errors.New("there is a file that is not a socket")
	}
	c, err := new(net.Dialer).DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		return errors.Join(ErrSocketInUse, c.Close())
	case errors.Is(err, syscall.ECONNREFUSED):
		return os.Remove(path)
	}
	return err
}

// openToGroup lets group btrmesh connect; what each may do is checked per
// connection.
func openToGroup(path string) error {
	if group, err := user.LookupGroup(readGroup); err == nil && os.Geteuid() == 0 {
		gid, err := strconv.Atoi(group.Gid)
		if err != nil {
			return fmt.Errorf("group %s: %w", readGroup, err)
		}
		if err := os.Chown(path, -1, gid); err != nil {
			return err
		}
	}
	return os.Chmod(path, 0o660)
}

// bounded hands out at most as many connections at a time as it has slots.
type bounded struct {
	net.Listener
	slots  chan struct{}
	closed chan struct{}
	once   *sync.Once
}

// limit bounds the connections of l to n.
func limit(l net.Listener, n int) net.Listener {
	return bounded{Listener: l, slots: make(chan struct{}, n), closed: make(chan struct{}), once: new(sync.Once)}
}

// Accept waits for a free slot, then for a client.
func (b bounded) Accept() (net.Conn, error) {
	select {
	case b.slots <- struct{}{}:
	case <-b.closed:
		return nil, net.ErrClosed
	}
	c, err := b.Listener.Accept()
	if err != nil {
		<-b.slots
		return nil, err
	}
	return &client{Conn: c, release: sync.OnceFunc(func() { <-b.slots })}, nil
}

// Close also ends an Accept that waits for a slot.
func (b bounded) Close() error {
	b.once.Do(func() { close(b.closed) })
	return b.Listener.Close()
}

// client is a connection that gives its slot back once closed.
type client struct {
	net.Conn
	release func()
}

// Close closes the connection and frees its slot.
func (c *client) Close() error {
	defer c.release()
	return c.Conn.Close()
}

// peer asks the kernel who connected (SO_PEERCRED, unix(7)).
func (c *client) peer() (Peer, error) {
	conn, ok := c.Conn.(*net.UnixConn)
	if !ok {
		return Peer{}, errors.New("peer credentials: not a unix socket")
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return Peer{}, fmt.Errorf("peer credentials: %w", err)
	}
	var cred *syscall.Ucred
	var credErr error
	if err := raw.Control(func(fd uintptr) {
		cred, credErr = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}); err != nil {
		return Peer{}, fmt.Errorf("peer credentials: %w", err)
	}
	if credErr != nil {
		return Peer{}, fmt.Errorf("peer credentials: %w", credErr)
	}
	return Peer{PID: cred.Pid, UID: cred.Uid, GID: cred.Gid}, nil
}
