package mesh

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"btrmesh/btrfs"
	"btrmesh/btrfs/receive"
	"btrmesh/btrfs/sendstream"
	"btrmesh/certs"
	"btrmesh/mesh/control"
	"btrmesh/state"
	"btrmesh/stream"
)

// Why a run was ended by this side.
var (
	errStopping  = errors.New("the daemon is stopping")
	errCancelled = errors.New("cancelled")
	errDenied    = errors.New("the grant was withdrawn")
	errRemoved   = errors.New("the other appliance was removed from the mesh")
	// errSuperseded: the source knows before the target that a run is over.
	errSuperseded = errors.New("the source began another run")
)

// codeConnectionLost is the code of a run whose connection was lost.
const codeConnectionLost = "connection_lost"

// pausedError ends a run because the window of its task ended.
type pausedError struct{ until string } // "until 22:00"

func (e *pausedError) Error() string { return e.until + ", when its window opens" }

// poolGoneError says that the pool of a task is not mounted.
type poolGoneError struct{ pool string }

func (e *poolGoneError) Error() string { return fmt.Sprintf("pool %s is not mounted", e.pool) }

// shareGoneError says that the share of a task is not there, or no share.
type shareGoneError struct {
	share string
	err   error
}

func (e *shareGoneError) Error() string { return fmt.Sprintf("share %s: %v", e.share, e.err) }

func (e *shareGoneError) Unwrap() error { return e.err }

// noCommonError says that only a full send would do.
type noCommonError struct {
	reason   string
	estimate int64
}

func (e *noCommonError) Error() string { return "no common snapshot: " + e.reason }

// refused tells whether the peer said no with that code.
func refused(err error, code stream.RefusalCode) bool {
	return errors.Is(err, &stream.Refusal{Code: code})
}

// verdict says how a run that did not succeed ends, and why: cancelled if a
// person on either side wanted that, paused at the end of a window, else failed.
func verdict(ctx context.Context, err error) (state.RunState, error) {
	cause := context.Cause(ctx)
	switch {
	case cause == nil && refused(err, stream.Cancelled):
		return state.Cancelled, err
	case cause == nil:
		return state.Failed, err
	case errors.Is(cause, errCancelled):
		return state.Cancelled, cause
	case errors.As(cause, new(*pausedError)):
		return state.Paused, cause
	case errors.Is(cause, errRemoved):
		return state.Failed, cause
	}
	return state.Failed, errStopping // nothing else ends a run from here
}

// abortOf is the verdict on a run in the words its target is told.
func abortOf(ctx context.Context, err error) (stream.RefusalCode, string) {
	next, why := verdict(ctx, err)
	switch {
	case errors.Is(why, errStopping):
		return stream.ShuttingDown, errStopping.Error()
	case next == state.Cancelled:
		return stream.Cancelled, "cancelled on the source"
	case next == state.Paused:
		return stream.Paused, why.Error()
	case errors.As(why, new(*noCommonError)):
		return stream.NoParent, why.Error()
	}
	return stream.IO, why.Error()
}

// explainer puts a failure into the words an operator reads, with the cure.
type explainer struct {
	here, there string // names of the appliances
	task        state.Task
}

func (e explainer) explain(err error) *control.Error {
	if no, ok := errors.AsType[*stream.Refusal](err); ok {
		return e.refusal(no)
	}
	if gone, ok := errors.AsType[*stream.UnreachableError](err); ok {
		return e.unreachable(gone)
	}
	if v, ok := errors.AsType[*stream.ProtocolError](err); ok {
		return control.ProtocolMismatch(e.there, int64(v.Theirs.Max), int64(v.Ours.Max))
	}
	if gone, ok := errors.AsType[*stream.RemovedError](err); ok {
		return removedBy(e.there, e.here, gone.Why)
	}
	if no, ok := errors.AsType[*stream.NoTCPError](err); ok {
		return control.NoTCP(e.there, no.Addr, no.Why)
	}
	if _, ok := errors.AsType[*stream.NoUDPError](err); ok {
		return control.NoUDP(e.there)
	}
	if none, ok := errors.AsType[*noCommonError](err); ok {
		return control.NoCommonSnapshot(e.task.Name, e.there, none.estimate)
	}
	return e.local(err)
}

// refusal puts a peer's no into the words of this side, which names the cure.
func (e explainer) refusal(no *stream.Refusal) *control.Error {
	t := e.task
	switch no.Code {
	case stream.NotGranted:
		return control.NotGranted(e.there, e.here, t.TargetPool)
	case stream.PoolNotFound:
		return poolNotFound(e.there, t.TargetPool, no.Facts)
	case stream.ServiceOff:
		return control.ServiceOff(e.there, false)
	case stream.NoSpace:
		if len(no.Facts) == 0 { // it filled up in mid-run
			return control.Errorf(control.CodeNoSpace, "%s:%s: %s.", e.there, t.TargetPool, no.Text).Hint("btrmesh pool list --on %s", e.there)
		}
		return control.NoSpace(e.there, t.TargetPool, figure(no, "free"), figure(no, "need"), reservePercent)
	case stream.QuotaExceeded:
		if len(no.Facts) == 0 {
			return control.Errorf(control.CodeQuotaExceeded, "%s:%s: %s.", e.there, t.TargetPool, no.Text).Hint("btrmesh pool list --on %s", e.there)
		}
		return control.QuotaExceeded(e.here, e.there, t.TargetPool, figure(no, "used"), figure(no, "quota"), figure(no, "need"))
	case stream.ReplicaModified:
		return control.ReplicaModified(t.Share+"@"+e.here, e.there, e.here, t.Name)
	case stream.NotMember:
		return removedBy(e.there, e.here, no.Text)
	default:
		return control.Errorf(no.Code.String(), "%s: %s.", e.there, strings.TrimSuffix(no.Text, "."))
	}
}

func (e explainer) unreachable(gone *stream.UnreachableError) *control.Error {
	return unreachable(e.there, gone)
}

func unreachable(name string, gone *stream.UnreachableError) *control.Error {
	tried := make([]control.Attempt, 0, len(gone.Tried))
	for _, a := range gone.Tried {
		tried = append(tried, control.Attempt{Address: a.Addr, Outcome: a.Why})
	}
	return control.PeerUnreachable(name, tried)
}

// removedBy tells an appliance that another one does not count it as a member any
// more; why is in that one's words.
func removedBy(there, here, why string) *control.Error {
	e := control.Errorf(control.CodePeerRemoved, "%s does not count %s as a member any more.", there, here)
	if why != "" {
		e = e.Fact("%s says: %s", there, why)
	}
	return e.HintOn(there, "sudo btrmesh appliance keep %s", here)
}

// local explains what went wrong on this side.
func (e explainer) local(err error) *control.Error {
	gone, share, full := (*poolGoneError)(nil), (*shareGoneError)(nil), (*state.FullError)(nil)
	switch {
	case errors.As(err, &full):
		return control.StateFull(full.Dir, full.FreeBytes)
	case errors.As(err, &gone):
		return control.Errorf(control.CodePoolNotFound, "%v on %s.", gone, e.here).Hint("btrmesh pool list")
	case errors.Is(err, btrfs.ErrNotSubvolume):
		return control.NotASubvolume(e.task.PoolName + "/" + e.task.Share)
	case errors.As(err, &share) && errors.Is(err, syscall.ENOENT):
		return control.ShareNotFound(e.task.Share, e.here, "")
	case errors.Is(err, syscall.ENOSPC):
		return e.full(control.CodeNoSpace, "pool %s on %s is full: there is no room for a snapshot of %s.")
	case errors.Is(err, syscall.EDQUOT):
		return e.full(control.CodeQuotaExceeded, "a btrfs quota in pool %s on %s is used up: there is no room for a snapshot of %s.")
	case errors.Is(err, syscall.ETXTBSY):
		return control.Errorf("swap_file", "%s holds an active swap file, so it cannot be snapshotted.", e.task.Share).Hint("swapoff FILE")
	case errors.Is(err, stream.ErrLost), errors.Is(err, stream.ErrGoodbye), errors.Is(err, stream.ErrStalled):
		return control.Errorf(codeConnectionLost, "%s: %v.", e.there, rootOf(err))
	case errors.Is(err, errStopping):
		return control.Errorf(control.CodeInterrupted, "%v.", err)
	case errors.Is(err, errRemoved), errors.Is(err, certs.ErrNotMember):
		return control.Errorf(control.CodePeerRemoved, "%s was removed from the mesh.", e.there).Hint("btrmesh appliance list --all")
	case errors.As(err, new(*pausedError)):
		return control.Errorf(control.CodeRunPaused, "%v.", err)
	case errors.Is(err, errCancelled):
		return control.Errorf(control.CodeRunCancelled, "%v.", err)
	}
	return control.AsError(err)
}

// full says that this side has no room, and what makes some.
func (e explainer) full(code, format string) *control.Error {
	return control.Errorf(code, format, e.task.PoolName, e.here, e.task.Share).
		Hint("btrmesh pool show %s", e.task.PoolName).
		Hint("sudo btrmesh task edit %s --keep-source 1", e.task.Name)
}

// rootOf returns the sentinel of the stream package in err's chain.
func rootOf(err error) error {
	for _, is := range []error{stream.ErrLost, stream.ErrGoodbye, stream.ErrStalled} {
		if errors.Is(err, is) {
			return is
		}
	}
	return err
}

// poolNotFound lists the pools a target says it has.
func poolNotFound(target, pool string, has []string) *control.Error {
	e := control.PoolNotFound(target, pool, nil)
	e.Facts = append(e.Facts, has...)
	return e
}

// figure reads one number out of a refusal's facts, "free 4096"; 0 if it is
// not there.
func figure(no *stream.Refusal, name string) int64 {
	var n int64
	for _, f := range no.Facts {
		if _, err := fmt.Sscanf(f, name+" %d", &n); err == nil {
			return n
		}
	}
	return 0
}

// refusalOf puts what ended a run on the target into what its source is told
// and both histories say.
func refusalOf(ctx context.Context, err error) *stream.Refusal {
	no, outside := (*stream.Refusal)(nil), (*stream.RemovedError)(nil)
	cause := context.Cause(ctx)
	switch {
	case errors.As(err, &no):
		return no
	case errors.As(err, &outside), errors.As(cause, &outside):
		return &stream.Refusal{Code: stream.NotMember, Text: outside.Error()}
	case errors.Is(cause, errDenied):
		return &stream.Refusal{Code: stream.NotGranted, Text: errDenied.Error()}
	case errors.Is(cause, errRemoved):
		return &stream.Refusal{Code: stream.NotMember, Text: errRemoved.Error()}
	case errors.Is(cause, errSuperseded):
		return &stream.Refusal{Code: stream.IO, Text: errSuperseded.Error()}
	case errors.Is(cause, errCancelled):
		return &stream.Refusal{Code: stream.Cancelled, Text: "cancelled on the target"}
	case errors.Is(err, stream.ErrLost), errors.Is(err, stream.ErrGoodbye), errors.Is(err, stream.ErrStalled):
		return &stream.Refusal{Code: stream.IO, Text: rootOf(err).Error()}
	case cause != nil:
		return &stream.Refusal{Code: stream.ShuttingDown, Text: errStopping.Error()}
	case errors.Is(err, sendstream.ErrInvalid), errors.Is(err, stream.ErrBadStream):
		return &stream.Refusal{Code: stream.BadStream, Text: err.Error()}
	case errors.Is(err, syscall.ENOSPC):
		return &stream.Refusal{Code: stream.NoSpace, Text: "the pool filled up; what was received is removed again"}
	case errors.Is(err, syscall.EDQUOT):
		return &stream.Refusal{Code: stream.QuotaExceeded, Text: "the quota of the pool is used up; what was received is removed again"}
	case errors.Is(err, receive.ErrModified):
		return &stream.Refusal{Code: stream.ReplicaModified, Text: err.Error()}
	case errors.Is(err, receive.ErrNoParent):
		return &stream.Refusal{Code: stream.NoParent, Text: err.Error()}
	}
	return &stream.Refusal{Code: stream.IO, Text: err.Error()}
}

// codeOf is the code that the history of the target has for a refusal.
func codeOf(no *stream.Refusal) string {
	if no.Code == stream.NotMember {
		return control.CodePeerRemoved
	}
	return no.Code.String()
}

// size writes bytes as messages do.
func size(n uint64) string { return control.IEC.Size(int64(min(n, 1<<62))) }

func seconds(d time.Duration) *float64 {
	s := d.Seconds()
	return &s
}
