package stream

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// RefusalCode says on the wire why the peer would not do what it was asked.
// Unknown codes are shown by number. Zero is not used.
type RefusalCode uint16

// The refusal codes. The words are those of the machine-readable errors of
// the command line.
const (
	Internal         RefusalCode = 1
	NotGranted       RefusalCode = 2
	PoolNotFound     RefusalCode = 3
	ServiceOff       RefusalCode = 4
	NoSpace          RefusalCode = 5
	QuotaExceeded    RefusalCode = 6
	ReplicaModified  RefusalCode = 7
	Busy             RefusalCode = 8
	BadStream        RefusalCode = 9
	Cancelled        RefusalCode = 10
	ProtocolMismatch RefusalCode = 11
	ReplicaPromoted  RefusalCode = 12
	NoParent         RefusalCode = 13
	IO               RefusalCode = 14
	ShuttingDown     RefusalCode = 15
	NotMember        RefusalCode = 16
	InviteUnknown    RefusalCode = 17
	InviteExpired    RefusalCode = 18
	InviteUsed       RefusalCode = 19
	BadProof         RefusalCode = 20
	OtherMesh        RefusalCode = 21
	NameTaken        RefusalCode = 22
	UnknownQuery     RefusalCode = 23
	ClonedIdentity   RefusalCode = 24
	Paused           RefusalCode = 25
)

// String gives the word of the code, or refusal_N for one not known here.
func (c RefusalCode) String() string {
	if w, ok := refusalWords()[c]; ok {
		return w
	}
	return fmt.Sprintf("refusal_%d", uint16(c))
}

func refusalWords() map[RefusalCode]string {
	return map[RefusalCode]string{
		Internal: "internal", NotGranted: "not_granted", PoolNotFound: "pool_not_found",
		ServiceOff: "service_off", NoSpace: "no_space", QuotaExceeded: "quota_exceeded",
		ReplicaModified: "replica_modified", Busy: "busy", BadStream: "bad_stream",
		Cancelled: "cancelled", ProtocolMismatch: "protocol_mismatch",
		ReplicaPromoted: "replica_promoted", NoParent: "no_parent", IO: "io",
		ShuttingDown: "shutting_down", NotMember: "not_member",
		InviteUnknown: "invite_unknown", InviteExpired: "invite_expired",
		InviteUsed: "invite_used", BadProof: "bad_proof", OtherMesh: "other_mesh",
		NameTaken: "name_taken", UnknownQuery: "unknown_query",
		ClonedIdentity: "cloned_identity", Paused: "paused",
	}
}

// Bounds of foreign text: what is longer is cut before it is sent.
const (
	maxText  = 1024 // bytes of Refusal.Text
	maxFact  = 512  // bytes of one fact
	maxFacts = 16
	maxWhy   = 500 // of the reason a connection is closed with
)

// Refusal is the peer's no: to an offer, a run under way, a query or an
// invite. The zero value is not a refusal. Text and Facts are foreign: print
// them quoted or escaped.
type Refusal struct { //nolint:errname // a message first, and an error as the peer's answer
	Code  RefusalCode `cbor:"1,keyasint"`
	Text  string      `cbor:"2,keyasint,omitempty"`
	Facts []string    `cbor:"3,keyasint,omitempty"`
}

// Error gives the code's word and the peer's text, marked as remote.
func (r *Refusal) Error() string {
	if r.Text == "" {
		return r.Code.String() + " (remote)"
	}
	return r.Code.String() + ": " + r.Text + " (remote)"
}

// Is makes errors.Is(err, &Refusal{Code: NoSpace}) ask for the code alone.
func (r *Refusal) Is(target error) bool {
	t, ok := target.(*Refusal)
	return ok && t.Code == r.Code
}

// refusalOf turns a handler's error into what goes on the wire: a *Refusal as
// it is, anything else as Internal with the error's text.
func refusalOf(err error) Refusal {
	if r, ok := errors.AsType[*Refusal](err); ok {
		return r.bounded()
	}
	return Refusal{Code: Internal, Text: err.Error()}.bounded()
}

func (r Refusal) bounded() Refusal {
	r.Text = clip(r.Text, maxText)
	facts := make([]string, 0, min(len(r.Facts), maxFacts))
	for _, f := range r.Facts[:min(len(r.Facts), maxFacts)] {
		facts = append(facts, clip(f, maxFact))
	}
	r.Facts = facts
	return r
}

// clip cuts s to limit bytes at a rune's edge and drops what is not UTF-8:
// the decoder on the other side refuses it.
func clip(s string, limit int) string {
	out := make([]byte, 0, min(len(s), limit))
	for _, r := range s {
		if len(out)+utf8.RuneLen(r) > limit {
			break
		}
		out = utf8.AppendRune(out, r)
	}
	return string(out)
}
