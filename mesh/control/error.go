package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Error is what an operator reads when something fails: what failed and why
// (Msg, full sentences), the circumstances (Facts, one per line), and the
// commands that cure it (Hints; one that must be typed elsewhere begins with
// "on APPLIANCE: "). The API makes it, the command line prints it; Code and
// Exit are part of the interface.
type Error struct {
	Code  string   `json:"code"`
	Exit  int      `json:"exit"`
	Msg   string   `json:"message"`
	Facts []string `json:"facts,omitempty"`
	Hints []string `json:"hints,omitempty"`
}

// Errorf makes an error without facts and hints; its exit code follows from
// code.
func Errorf(code, format string, args ...any) *Error {
	return &Error{Code: code, Exit: ExitOf(code), Msg: fmt.Sprintf(format, args...)}
}

// Error returns the message alone.
func (e *Error) Error() string { return e.Msg }

// Fact returns e with one more fact; an empty one is dropped.
func (e *Error) Fact(format string, args ...any) *Error {
	if text := fmt.Sprintf(format, args...); text != "" {
		e.Facts = append(e.Facts, text)
	}
	return e
}

// Hint returns e with one more command that cures it.
func (e *Error) Hint(format string, args ...any) *Error {
	e.Hints = append(e.Hints, fmt.Sprintf(format, args...))
	return e
}

// HintOn is Hint for a command to be typed on another appliance.
func (e *Error) HintOn(appliance, format string, args ...any) *Error {
	return e.Hint("on %s: %s", appliance, fmt.Sprintf(format, args...))
}

// Text returns the lines for a terminal, each ended by a newline. Control
// characters, which may come from a peer, are taken out.
func (e *Error) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "btrmesh: error: %s\n", Plain(e.Msg))
	for _, fact := range e.Facts {
		fmt.Fprintf(&b, "  %s\n", Plain(fact))
	}
	for _, hint := range e.Hints {
		fmt.Fprintf(&b, "btrmesh: hint: %s\n", Plain(hint))
	}
	return b.String()
}

// JSON returns the error as one line of JSON of kind "error".
func (e *Error) JSON() []byte {
	line, err := json.Marshal(struct {
		Schema int    `json:"schema"`
		Kind   string `json:"kind"`
		*Error
	}{Schema, kindError, e})
	if err != nil { // strings and integers always marshal
		panic("control: marshal error: " + err.Error())
	}
	return append(line, '\n')
}

// AsError returns err as an *Error: itself where its chain holds one, else an
// internal error with the chain's text.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return Errorf(CodeInternal, "%s.", strings.TrimSuffix(err.Error(), "."))
}

// Plain returns s with every control character replaced by a space, so that
// text from elsewhere cannot steer a terminal or break a line.
func Plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || (r >= 0x7f && r < 0xa0) {
			return ' '
		}
		return r
	}, s)
}

// status returns the HTTP status nearest to e's exit code.
func (e *Error) status() int {
	switch e.Exit {
	case ExitUsage:
		return http.StatusBadRequest
	case ExitNotAllowed:
		return http.StatusForbidden
	case ExitNotFound:
		return http.StatusNotFound
	case ExitConflict:
		return http.StatusConflict
	case ExitUnreachable:
		return http.StatusBadGateway
	case ExitTimeout:
		return http.StatusGatewayTimeout
	}
	return http.StatusInternalServerError
}
