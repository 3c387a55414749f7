package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"syscall"
	"time"
)

// Bounds of an answer.
const (
	maxAnswer = 64 << 20
	maxLine   = 1 << 20
)

// Client asks a daemon over its socket. It is safe for concurrent use and
// keeps no connection open between requests.
type Client struct {
	socket  string
	timeout time.Duration
	http    *http.Client
}

// NewClient returns a client of the daemon at socket. timeout bounds each
// answer, and of a stream the wait for its first line; 0 is none.
func NewClient(socket string, timeout time.Duration) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	transport := &http.Transport{DialContext: dial, DisableKeepAlives: true, DisableCompression: true}
	return &Client{socket: socket, timeout: timeout, http: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Call sends req and returns the answer. The error is an *Error: the daemon's
// own, or one about reaching it (daemon_unreachable, socket_denied, timeout).
func Call[Req, Resp any](ctx context.Context, c *Client, r Route[Req, Resp], req Req) (Answer[Resp], error) {
	ctx, clock := c.clock(ctx)
	defer clock.stop()
	body, err := c.send(ctx, r.Method, r.Path, req)
	if err != nil {
		return Answer[Resp]{}, err
	}
	defer body.Close() //nolint:errcheck // nothing was written
	raw, err := io.ReadAll(io.LimitReader(body, maxAnswer))
	if err != nil {
		return Answer[Resp]{}, c.explain(ctx, err)
	}
	a, err := parse[Resp](bytes.TrimSpace(raw))
	if err != nil {
		return a, AsError(err)
	}
	return a, nil
}

// Follow sends req and calls fn with each line of the answer, in order, until
// the last or until fn fails. Errors are those of Call, and fn's.
func Follow[Req, Item any](ctx context.Context, c *Client, r Route[Req, Item], req Req, fn func(Answer[Item]) error) error {
	ctx, clock := c.clock(ctx)
	defer clock.stop()
	body, err := c.send(ctx, r.Method, r.Path, req)
	if err != nil {
		return err
	}
	defer body.Close() //nolint:errcheck // nothing was written
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		clock.reset()
		a, err := parse[Item](bytes.Clone(lines.Bytes()))
		if err != nil {
			return AsError(err)
		}
		if err := fn(a); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return c.explain(ctx, err)
	}
	return nil
}

// send makes the request and returns the body of the answer, whatever its
// status: errors are objects too.
func (c *Client) send(ctx context.Context, method, pattern string, req any) (io.ReadCloser, error) {
	path, err := target(pattern, req)
	if err != nil {
		return nil, err
	}
	var body io.Reader
	if method == http.MethodPost {
		content, err := json.Marshal(req)
		if err != nil {
			return nil, AsError(fmt.Errorf("encode request: %w", err))
		}
		body = bytes.NewReader(content)
	}
	hr, err := http.NewRequestWithContext(ctx, method, "http://btrmesh"+path, body)
	if err != nil {
		return nil, AsError(fmt.Errorf("make request: %w", err))
	}
	resp, err := c.http.Do(hr)
	if err != nil {
		return nil, c.explain(ctx, err)
	}
	return resp.Body, nil
}

// explain turns a failure of the connection into words.
func (c *Client) explain(ctx context.Context, err error) *Error {
	if cause, ok := errors.AsType[*Error](context.Cause(ctx)); ok {
		return cause
	}
	switch {
	case ctx.Err() != nil:
		return Errorf(CodeInterrupted, "interrupted.")
	case errors.Is(err, fs.ErrNotExist):
		return DaemonUnreachable(c.socket, "no such file")
	case errors.Is(err, fs.ErrPermission):
		return SocketDenied(c.socket)
	case errors.Is(err, syscall.ECONNREFUSED):
		return DaemonUnreachable(c.socket, "connection refused")
	}
	return Errorf(CodeDaemonUnreachable, "the daemon at %s broke off: %v.", c.socket, err).
		Hint("sudo systemctl status btrmesh")
}

// clock ends a context with a timeout error unless it is reset in time.
type clock struct {
	timer  *time.Timer
	cancel context.CancelCauseFunc
}

// clock starts the client's timeout on a context.
func (c *Client) clock(ctx context.Context) (context.Context, *clock) {
	ctx, cancel := context.WithCancelCause(ctx)
	k := &clock{cancel: cancel}
	if c.timeout > 0 {
		k.timer = time.AfterFunc(c.timeout, func() { cancel(Timeout(c.timeout)) })
	}
	return ctx, k
}

// reset takes the time limit away: the other side has answered.
func (k *clock) reset() {
	if k.timer != nil {
		k.timer.Stop()
	}
}

// stop ends the context and its timer.
func (k *clock) stop() {
	k.reset()
	k.cancel(nil)
}
