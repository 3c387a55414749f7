package sendstream

import (
	"errors"
	"fmt"
)

// ErrInvalid is matched by every error that says the stream itself is bad,
// truncated streams included, and by none that comes from the reader or writer.
var ErrInvalid = errors.New("invalid send stream")

// ErrRestarted is matched when a second stream header was met: a signal or a
// freeze made the kernel begin the send anew in mid-output. The same send may
// succeed when repeated. It wraps ErrInvalid.
var ErrRestarted = fmt.Errorf("%w: the send was restarted", ErrInvalid)

// ErrTooMuch is matched when a stream takes more space than Limits.MaxSpace. It
// wraps ErrInvalid.
var ErrTooMuch = fmt.Errorf("%w: it takes too much space", ErrInvalid)

// ErrDiverged says that a stream does not begin with what was applied of it
// before: the receiver has to start clean. It does not match ErrInvalid.
var ErrDiverged = errors.New("send stream differs from the one that was begun")

// Error is a broken rule of the format and where it was broken.
type Error struct {
	Offset  int64  // of the command in the stream, bytes
	Command Type   // 0 when it is the header of the stream, or not known yet
	Rule    string // constant text, fit for counting
	Err     error  // the details, nil if there are none
}

// Error returns the place, the command, the rule and the details.
func (e *Error) Error() string {
	text := fmt.Sprintf("send stream at byte %d: ", e.Offset)
	if e.Command != 0 {
		text += e.Command.String() + ": "
	}
	text += e.Rule
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Is reports true for ErrInvalid.
func (e *Error) Is(target error) bool { return target == ErrInvalid }

// Unwrap returns the details, such as ErrRestarted or io.ErrUnexpectedEOF.
func (e *Error) Unwrap() error { return e.Err }

// breach is the error of a broken rule; the reader adds the place.
func breach(rule string) error { return &Error{Rule: rule} }

// breachf is breach with details.
func breachf(rule, format string, args ...any) error {
	return &Error{Rule: rule, Err: fmt.Errorf(format, args...)}
}
