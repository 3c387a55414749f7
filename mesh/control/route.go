package control

import (
	"context"
	"net/http"
	"reflect"
)

// Route is one request of the API: what is asked (Req), what is answered
// (Resp), and under which method and path. A slice as Resp is answered as
// items, anything else as item.
//
// Fields of Req tagged `path` come from the path, those tagged `query` from
// the query of a GET, all others from the JSON body of a POST.
type Route[Req, Resp any] struct {
	Method string
	Path   string // pattern of net/http, such as /v1/tasks/{task}
	Access Access
	Kind   string
}

// Handle registers fn as the answer to r. fn runs on the connection's
// goroutine, with a context that ends when the client goes or the server
// stops; an *Error in its error's chain reaches the client as it is, any other
// error is logged and answered as internal.
func Handle[Req, Resp any](s *Server, r Route[Req, Resp], fn func(context.Context, Req) (Resp, error)) {
	s.handle(r.Method, r.Path, r.Access, r.Kind, func(w *responder, hr *http.Request) error {
		var req Req
		if err := decode(&req, hr); err != nil {
			return err
		}
		ctx, silent := withSilences(hr.Context())
		resp, err := fn(ctx, req)
		if err != nil {
			return err
		}
		h := s.head(r.Kind, isDry(req))
		h.Silent = silent.all()
		return w.answer(h, resp)
	})
}

// HandleStream registers fn as the answer to r in the form of one object per
// line. fn sends each item by calling send, the first without delay, and
// returns after the last; send fails when the client does not read.
func HandleStream[Req, Item any](s *Server, r Route[Req, Item], fn func(ctx context.Context, req Req, send func(Item) error) error) {
	s.handle(r.Method, r.Path, r.Access, r.Kind, func(w *responder, hr *http.Request) error {
		var req Req
		if err := decode(&req, hr); err != nil {
			return err
		}
		return fn(hr.Context(), req, func(item Item) error {
			return w.line(s.head(r.Kind, false), item)
		})
	})
}

// isDry tells whether a request asks for the plan only.
func isDry(req any) bool {
	d, ok := req.(interface{ IsDry() bool })
	return ok && d.IsDry()
}

// isList tells whether a value is answered as items.
func isList(v any) bool {
	t := reflect.TypeOf(v)
	return t != nil && t.Kind() == reflect.Slice
}
