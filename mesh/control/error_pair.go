package control

import (
	"net"
	"strings"
	"time"
)

// Errors about invites, membership and reaching other appliances.

// InviteExpired says that an invite came too late.
func InviteExpired(inviter string, ago time.Duration) *Error {
	return Errorf(CodeInviteExpired, "this invite expired %s ago.", InWords(ago)).
		HintOn(inviter, "sudo btrmesh pair invite")
}

// InviteUsed says that an invite served already. The ID is what a person
// compares, and may need to remove.
func InviteUsed(byID string, at time.Time, from string) *Error {
	return Errorf(CodeInviteUsed,
		"this invite was used by %s at %s from %s. If that was not you: btrmesh appliance remove %s",
		byID, at.Format(time.DateTime), from, byID)
}

// InviteMismatch says that somebody else answers at the address.
func InviteMismatch(address, shownID, wantID string) *Error {
	return Errorf(CodeInviteMismatch,
		"%s is not the appliance that made this invite: it shows %s, the code says %s. Nothing was stored.",
		address, shownID, wantID)
}

// InviteRefused says that the inviter does not accept a code, without saying
// what is wrong with it.
func InviteRefused(address string) *Error {
	return Errorf(CodeInviteRefused, "%s does not accept this invite.", address).
		Fact("it may be revoked, or already used; each serves once")
}

// OtherMesh says that two meshes cannot become one. members counts those of
// joiner's mesh.
func OtherMesh(joiner string, members int64, inviter string) *Error {
	return Errorf(CodeOtherMesh, "%s already belongs to a mesh of %s, %s to another.",
		joiner, Count(members, "appliance"), inviter).Fact("only a fresh appliance can join")
}

// Attempt is one address tried and how it ended: "timeout 5s", "refused".
type Attempt struct {
	Address string
	Outcome string
}

// PeerUnreachable says that an appliance answered at none of its addresses.
func PeerUnreachable(appliance string, tried []Attempt) *Error {
	if len(tried) == 0 {
		return Errorf(CodePeerUnreachable, "%s has no known address.", appliance)
	}
	places := make([]string, 0, len(tried))
	for _, a := range tried {
		places = append(places, a.Address+" ("+a.Outcome+")")
	}
	return Errorf(CodePeerUnreachable, "%s did not answer at %s.", appliance, strings.Join(places, " nor ")).
		Hint("btrmesh status %s", appliance)
}

// NoTCP says that an appliance, whose lanes were set to TCP, could not be reached
// over TCP at address, host:port; why is as in Attempt.
func NoTCP(appliance, address, why string) *Error {
	e := Errorf(CodePeerUnreachable, "%s does not answer over TCP at %s (%s), and its lanes are set to tcp.", appliance, address, why)
	if _, port, err := net.SplitHostPort(address); err == nil {
		e = e.Fact("open TCP port %s on %s", port, appliance)
	}
	return e.Hint("btrmesh appliance lanes %s auto", appliance)
}

// NoUDP says that an appliance, whose lanes were set to QUIC, is reached over TCP
// alone.
func NoUDP(appliance string) *Error {
	return Errorf(CodePeerUnreachable, "%s does not answer over UDP, only over TCP, and its lanes are set to quic.", appliance).
		Hint("btrmesh appliance lanes %s auto", appliance)
}

// PeerRemoved says that an appliance is no longer a member.
func PeerRemoved(appliance, by string, on time.Time) *Error {
	return Errorf(CodePeerRemoved, "%s was removed from the mesh by %s on %s.", appliance, by, date(on)).
		Hint("btrmesh appliance keep %s", appliance)
}

// ProtocolMismatch says that two daemons have no protocol in common.
func ProtocolMismatch(appliance string, speaks, needs int64) *Error {
	return Errorf(CodeProtocolMismatch, "%s speaks protocol %d, this daemon needs %d.", appliance, speaks, needs).
		Fact("upgrade targets first")
}
