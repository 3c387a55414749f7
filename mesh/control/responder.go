package control

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// responder writes one answer: an object, or lines of objects. It serves one
// request and one goroutine.
type responder struct {
	w     http.ResponseWriter
	begun bool // the header is out
}

// receive reads the whole body, bounded in size and time, so that a slow
// client holds no handler.
func (w *responder) receive(r *http.Request) error {
	rc := http.NewResponseController(w.w)
	if err := deadline(rc.SetReadDeadline, readLimit); err != nil {
		return err
	}
	body, err := io.ReadAll(http.MaxBytesReader(w.w, r.Body, maxBody))
	if err != nil {
		return Usage("cannot read the request: %v.", err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return deadline(rc.SetReadDeadline, 0)
}

// deadline sets a deadline in limit from now, or none for 0; a writer without
// deadlines, as in tests, has none.
func deadline(set func(time.Time) error, limit time.Duration) error {
	var at time.Time
	if limit > 0 {
		at = time.Now().Add(limit)
	}
	if err := set(at); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("set deadline: %w", err)
	}
	return nil
}

// answer writes the only object.
func (w *responder) answer(h Head, v any) error {
	line, err := Encode(h, v)
	if err != nil {
		return err
	}
	return w.write(http.StatusOK, line)
}

// line writes one object of several and sends it off.
func (w *responder) line(h Head, v any) error {
	if err := w.answer(h, v); err != nil {
		return err
	}
	err := http.NewResponseController(w.w).Flush()
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("send line: %w", err)
	}
	return nil
}

// fail writes an error: with its own status, or as the last line of a stream
// that has begun.
func (w *responder) fail(e *Error) error { return w.write(e.status(), e.JSON()) }

// write sends bytes, with a header before the first.
func (w *responder) write(status int, line []byte) error {
	if err := deadline(http.NewResponseController(w.w).SetWriteDeadline, writeLimit); err != nil {
		return err
	}
	if !w.begun {
		w.begun = true
		w.w.Header().Set("Content-Type", "application/json")
		w.w.WriteHeader(status)
	}
	if _, err := w.w.Write(line); err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	return nil
}
