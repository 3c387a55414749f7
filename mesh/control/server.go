package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

// Bounds in time: of a request's head and body, of one write to a client that
// does not read, of an idle connection, and of the end of requests at a stop.
const (
	readLimit  = 5 * time.Second
	writeLimit = 10 * time.Second
	idleLimit  = 60 * time.Second
	stopLimit  = 5 * time.Second
)

// Options are what a Server needs to know.
type Options struct {
	Appliance func() string     // this appliance's name, which may change
	Now       func() time.Time  // nil: time.Now
	Log       *slog.Logger      // required
	Authorize func(Peer) Access // nil: by uid and group
	Socket    string            // its path, for messages
}

// Server answers the API. Routes are registered before Serve is called;
// handlers run concurrently.
type Server struct {
	opts Options
	mux  *http.ServeMux
}

// NewServer returns a server without routes.
func NewServer(o Options) *Server {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Authorize == nil {
		o.Authorize = groupAccess
	}
	s := &Server{opts: o, mux: http.NewServeMux()}
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.refuse(&responder{w: w}, noSuchRequest(r.Method, Plain(r.URL.Path)))
	})
	return s
}

// ServeHTTP answers one request; it comes with the access that WithAccess put
// into its context.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Serve answers on l, a unix socket, until ctx is done; requests under way are
// cancelled then and waited for. It closes l. The error is nil after a stop.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: readLimit,
		IdleTimeout:       idleLimit,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(s.opts.Log.Handler(), slog.LevelWarn),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnContext:       s.identify,
	}
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		<-gctx.Done()
		return stop(gctx, srv)
	})
	g.Go(func() error {
		err := srv.Serve(limit(l, maxClients))
		if errors.Is(err, http.ErrServerClosed) {
			return nil
		}
		return fmt.Errorf("serve socket: %w", err)
	})
	return g.Wait()
}

// stop waits a while for requests to end, then cuts them off.
func stop(ctx context.Context, srv *http.Server) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		return srv.Close()
	}
	return nil
}

// identify notes in a connection's context what its process may do.
func (s *Server) identify(ctx context.Context, c net.Conn) context.Context {
	cl, ok := c.(*client)
	if !ok {
		return ctx
	}
	p, err := cl.peer()
	if err != nil {
		s.opts.Log.Warn("socket client not identified", "err", err)
		return ctx
	}
	return WithAccess(ctx, s.opts.Authorize(p))
}

// handle registers a raw handler behind the check of access.
func (s *Server) handle(method, path string, needs Access, kind string, fn func(*responder, *http.Request) error) {
	s.mux.HandleFunc(method+" "+path, func(hw http.ResponseWriter, r *http.Request) {
		w := &responder{w: hw}
		if err := s.check(accessOf(r.Context()), needs); err != nil {
			s.refuse(w, err)
			return
		}
		if err := w.receive(r); err != nil {
			s.refuse(w, err)
			return
		}
		if err := fn(w, r); err != nil {
			s.fail(w, r, kind, err)
		}
	})
}

// check compares what a client may do with what a route needs.
func (s *Server) check(has, needs Access) error {
	switch {
	case has >= needs:
		return nil
	case has == NoAccess:
		return SocketDenied(s.opts.Socket)
	}
	return ReadOnlyUser()
}

// fail answers an error and logs it when nobody foresaw it. To a client that
// has gone there is nothing to say.
func (s *Server) fail(w *responder, r *http.Request, kind string, err error) {
	if r.Context().Err() != nil && errors.Is(err, context.Canceled) {
		return
	}
	e := AsError(err)
	if e.Code == CodeInternal {
		s.opts.Log.Error("request failed", "kind", kind, "err", err)
	}
	s.refuse(w, e)
}

// refuse answers an error; that the client may not hear it is no news.
func (s *Server) refuse(w *responder, err error) {
	if err := w.fail(AsError(err)); err != nil {
		s.opts.Log.Debug("answer not delivered", "err", err)
	}
}

// head returns the head of an answer given now.
func (s *Server) head(kind string, dry bool) Head {
	h := NewHead(kind, s.opts.Appliance(), s.opts.Now())
	h.DryRun = dry
	return h
}
