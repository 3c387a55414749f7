package mesh

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"btrmesh/btrfs"
	"btrmesh/btrfs/receive"
	"btrmesh/btrfs/sendstream"
	"btrmesh/certs"
	"btrmesh/mesh/control"
	"btrmesh/state"
	"btrmesh/stream"
)

// endedBy is a context that was ended with a cause; nil: it has not ended.
func endedBy(t *testing.T, cause error) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	if cause != nil {
		cancel(cause)
	}
	t.Cleanup(func() { cancel(nil) })
	return ctx
}

func TestVerdictTellsWhatAPersonEndedFromWhatFailed(t *testing.T) {
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		cause, err error
		want       state.RunState
		why        error
	}{
		"an error":                  {nil, broken, state.Failed, broken},
		"cancelled here":            {errCancelled, broken, state.Cancelled, errCancelled},
		"cancelled there":           {nil, &stream.Refusal{Code: stream.Cancelled}, state.Cancelled, &stream.Refusal{Code: stream.Cancelled}},
		"refused there":             {nil, &stream.Refusal{Code: stream.NoSpace}, state.Failed, &stream.Refusal{Code: stream.NoSpace}},
		"the daemon stops":          {context.Canceled, broken, state.Failed, errStopping},
		"cancelled, then refused":   {errCancelled, &stream.Refusal{Code: stream.NoSpace}, state.Cancelled, errCancelled},
		"the target's daemon stops": {nil, &stream.Refusal{Code: stream.ShuttingDown}, state.Failed, &stream.Refusal{Code: stream.ShuttingDown}},
	} {
		got, why := verdict(endedBy(t, c.cause), c.err)
		if got != c.want || !errors.Is(why, c.why) {
			t.Errorf("%s: %s because of %v, want %s because of %v", name, got, why, c.want, c.why)
		}
	}
}

func TestTheTargetHearsTheVerdictOfTheSource(t *testing.T) {
	for name, c := range map[string]struct {
		cause, err error
		want       stream.RefusalCode
	}{
		"an error":           {nil, errors.New("broken"), stream.IO},
		"cancelled":          {errCancelled, errors.New("broken"), stream.Cancelled},
		"the daemon stops":   {context.Canceled, errors.New("broken"), stream.ShuttingDown},
		"no common snapshot": {nil, &noCommonError{reason: "gone"}, stream.NoParent},
	} {
		if got, text := abortOf(endedBy(t, c.cause), c.err); got != c.want || text == "" {
			t.Errorf("%s: %s %q, want %s", name, got, text, c.want)
		}
	}
}

func TestRefusalOfPutsWhatEndedARunIntoACode(t *testing.T) {
	wrap := func(err error) error { return fmt.Errorf("receive photos: %w", err) }
	for name, c := range map[string]struct {
		cause, err error
		want       stream.RefusalCode
	}{
		"a refusal stays":           {nil, wrap(&stream.Refusal{Code: stream.NoParent}), stream.NoParent},
		"the grant was withdrawn":   {errDenied, wrap(errDenied), stream.NotGranted},
		"cancelled here":            {errCancelled, wrap(errCancelled), stream.Cancelled},
		"another run began":         {errSuperseded, wrap(errSuperseded), stream.IO},
		"the connection broke":      {nil, wrap(stream.ErrLost), stream.IO},
		"goodbye":                   {nil, wrap(stream.ErrGoodbye), stream.IO},
		"the daemon stops":          {context.Canceled, wrap(context.Canceled), stream.ShuttingDown},
		"bad stream":                {nil, wrap(sendstream.ErrInvalid), stream.BadStream},
		"bad wire":                  {nil, wrap(stream.ErrBadStream), stream.BadStream},
		"full":                      {nil, wrap(syscall.ENOSPC), stream.NoSpace},
		"quota":                     {nil, wrap(syscall.EDQUOT), stream.QuotaExceeded},
		"modified":                  {nil, wrap(receive.ErrModified), stream.ReplicaModified},
		"no parent":                 {nil, wrap(receive.ErrNoParent), stream.NoParent},
		"a broken disk":             {nil, wrap(syscall.EIO), stream.IO},
		"denied, and then it broke": {errDenied, wrap(syscall.EIO), stream.NotGranted},
	} {
		if got := refusalOf(endedBy(t, c.cause), c.err); got.Code != c.want || got.Code != stream.NoParent && got.Text == "" {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
}

func TestExplainNamesTheCauseAndTheCure(t *testing.T) {
	e := explainer{here: "nas-a", there: "nas-b", task: state.Task{Name: "photos-nas-b", Share: "photos", PoolName: "tank", TargetPool: "backup"}}
	no := func(code stream.RefusalCode, facts ...string) error {
		return fmt.Errorf("offer photos: %w", &stream.Refusal{Code: code, Text: "it says no", Facts: facts})
	}
	for name, c := range map[string]struct {
		err        error
		code, text string
		hint       string
	}{
		"not granted":      {no(stream.NotGranted), control.CodeNotGranted, "nas-b does not let nas-a write into pool backup.", "on nas-b: sudo btrmesh pool allow backup nas-a"},
		"no such pool":     {no(stream.PoolNotFound, "tank, 1 GiB free"), control.CodePoolNotFound, `nas-b has no pool "backup".`, "btrmesh pool list --on nas-b"},
		"service off":      {no(stream.ServiceOff), control.CodeServiceOff, "the replication service is off on nas-b.", "on nas-b: sudo btrmesh service on"},
		"no space":         {no(stream.NoSpace, "free 1048576", "need 2097152"), control.CodeNoSpace, "nas-b:backup has 1.0 MiB free, the run needs ~2.0 MiB and the reserve is 5%. Nothing was sent.", ""},
		"it filled up":     {no(stream.NoSpace), control.CodeNoSpace, "nas-b:backup: it says no.", ""},
		"quota":            {no(stream.QuotaExceeded, "used 1048576", "quota 2097152", "need 3145728"), control.CodeQuotaExceeded, "nas-a has used 1.00 of 2.0 MiB granted in nas-b:backup; this run needs ~3.0 MiB.", "on nas-b: sudo btrmesh pool allow backup nas-a --quota 1G"},
		"changed by hand":  {no(stream.ReplicaModified), control.CodeReplicaModified, "photos@nas-a on nas-b was made writable by hand; it was left untouched.", ""},
		"removed":          {no(stream.NotMember), control.CodePeerRemoved, "nas-b does not count nas-a as a member any more.", "on nas-b: sudo btrmesh appliance keep nas-a"},
		"removed, by TLS":  {&stream.RemovedError{}, control.CodePeerRemoved, "nas-b does not count nas-a as a member any more.", "on nas-b: sudo btrmesh appliance keep nas-a"},
		"busy":             {no(stream.Busy), "busy", "nas-b: it says no.", ""},
		"a code of later":  {no(999), "refusal_999", "nas-b: it says no.", ""},
		"unreachable":      {&stream.UnreachableError{Tried: []stream.Attempt{{Addr: "10.0.0.2:7945", Why: "refused"}}}, control.CodePeerUnreachable, "nas-b did not answer at 10.0.0.2:7945 (refused).", ""},
		"no address":       {&stream.UnreachableError{}, control.CodePeerUnreachable, "nas-b has no known address.", ""},
		"tcp alone":        {fmt.Errorf("begin photos: %w", &stream.NoTCPError{Addr: "10.0.0.2:7945", Why: "refused"}), control.CodePeerUnreachable, "nas-b does not answer over TCP at 10.0.0.2:7945 (refused), and its lanes are set to tcp.", "btrmesh appliance lanes nas-b auto"},
		"quic alone":       {fmt.Errorf("begin photos: %w", &stream.NoUDPError{}), control.CodePeerUnreachable, "nas-b does not answer over UDP, only over TCP, and its lanes are set to quic.", "btrmesh appliance lanes nas-b auto"},
		"other protocol":   {&stream.ProtocolError{Ours: stream.Range{Min: 1, Max: 1}, Theirs: stream.Range{Min: 2, Max: 3}}, control.CodeProtocolMismatch, "nas-b speaks protocol 3, this daemon needs 1.", ""},
		"no common":        {&noCommonError{estimate: 1 << 20}, control.CodeNoCommonSnapshot, "photos-nas-b has no snapshot in common with nas-b any more; a full send of ~1.0 MiB is needed.", "btrmesh task run photos-nas-b --full"},
		"pool gone":        {&poolGoneError{pool: "tank"}, control.CodePoolNotFound, "pool tank is not mounted on nas-a.", "btrmesh pool list"},
		"share gone":       {&shareGoneError{share: "photos", err: syscall.ENOENT}, control.CodeShareNotFound, `no share "photos" on nas-a.`, "btrmesh share list"},
		"a directory":      {&shareGoneError{share: "photos", err: btrfs.ErrNotSubvolume}, control.CodeNotASubvolume, "tank/photos is a directory, not a btrfs subvolume, so it cannot be snapshotted.", ""},
		"another ENOENT":   {syscall.ENOENT, control.CodeInternal, "no such file or directory.", ""},
		"swap file":        {syscall.ETXTBSY, "swap_file", "photos holds an active swap file, so it cannot be snapshotted.", "swapoff FILE"},
		"connection lost":  {fmt.Errorf("send: %w", stream.ErrLost), "connection_lost", "nas-b: connection lost.", ""},
		"cancelled":        {errCancelled, control.CodeRunCancelled, "cancelled.", ""},
		"the daemon stops": {errStopping, control.CodeInterrupted, "the daemon is stopping.", ""},
		"anything else":    {errors.New("odd"), control.CodeInternal, "odd.", ""},
	} {
		got := e.explain(c.err)
		if got.Code != c.code || got.Msg != c.text {
			t.Errorf("%s: %s: %q, want %s: %q", name, got.Code, got.Msg, c.code, c.text)
		}
		if c.hint != "" && !strings.Contains(strings.Join(got.Hints, "\n"), c.hint) {
			t.Errorf("%s: hints are %q, want %q", name, got.Hints, c.hint)
		}
	}
}

func TestJudgeInviteRefusesWhatMayNotBeUsedAnyMore(t *testing.T) {
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	joiner, other := certs.ID{1}, certs.ID{2}
	open := state.Invite{Created: now.Add(-time.Minute), Expires: now.Add(time.Minute), TriesLeft: inviteTries}
	for name, c := range map[string]struct {
		change func(*state.Invite)
		absent bool
		code   stream.RefusalCode
		shown  string
	}{
		"open":                       {func(*state.Invite) {}, false, 0, control.OpenInvite},
		"the last try":               {func(i *state.Invite) { i.TriesLeft = 1 }, false, 0, control.OpenInvite},
		"unknown":                    {func(*state.Invite) {}, true, stream.InviteUnknown, control.OpenInvite},
		"expired just now":           {func(i *state.Invite) { i.Expires = now }, false, stream.InviteExpired, control.ExpiredInvite},
		"the clock was set back":     {func(i *state.Invite) { i.Created = now.Add(time.Second) }, false, stream.InviteExpired, control.ExpiredInvite},
		"guessed at too often":       {func(i *state.Invite) { i.TriesLeft = 0 }, false, stream.BadProof, control.RevokedInvite},
		"used by the same":           {func(i *state.Invite) { i.Bound = joiner }, false, 0, control.UsedInvite},
		"used by another":            {func(i *state.Invite) { i.Bound = other }, false, stream.InviteUsed, control.UsedInvite},
		"used by the same, too late": {func(i *state.Invite) { i.Bound, i.Expires = joiner, now }, false, stream.InviteExpired, control.UsedInvite},
	} {
		inv := open
		c.change(&inv)
		no := judgeInvite(inv, !c.absent, stream.JoinRequest{Peer: joiner}, now)
		if no == nil && c.code != 0 || no != nil && no.Code != c.code {
			t.Errorf("%s: %v, want code %d", name, no, c.code)
		}
		if got := inviteState(inv, now); got != c.shown {
			t.Errorf("%s is shown as %s, want %s", name, got, c.shown)
		}
	}
}
