package control

// Exit codes of the command line. An API error carries the one the command
// ends with.
const (
	ExitOK          = 0
	ExitFailure     = 1
	ExitUsage       = 2
	ExitNoDaemon    = 3
	ExitNotAllowed  = 4
	ExitNotFound    = 5
	ExitConflict    = 6
	ExitUnreachable = 7
	ExitTransfer    = 8
	ExitDegraded    = 10
	ExitCritical    = 11
	ExitTimeout     = 124
	ExitInterrupted = 130
)

// ExitOf returns the exit code that belongs to an error code; ExitFailure for
// one it does not know.
func ExitOf(code string) int {
	switch code {
	case CodeUsage, CodeAmbiguous, CodeBadName, CodeFrequencyTooSmall, CodeBadFrequency, CodeNoTaskDelete,
		CodeSelfTarget, CodeUnknownFlag, CodeUnknownCommand, CodeBadAddress, CodeBadWindow, CodeBadRate, CodeBadLanes, CodeNeedsYes, CodeNotConfirmed:
		return ExitUsage
	case CodeDaemonUnreachable:
		return ExitNoDaemon
	case CodeSocketDenied, CodeReadOnlyUser, CodeNotGranted, CodeInviteExpired, CodeInviteUsed,
		CodeInviteMismatch, CodeInviteRefused, CodePeerRemoved:
		return ExitNotAllowed
	case CodeShareNotFound, CodeApplianceNotFound, CodePoolNotFound, CodeTaskNotFound, CodeReplicaNotFound,
		CodeInviteNotFound, CodeRunNotFound, CodeAddressNotFound, CodeNoSuchRequest:
		return ExitNotFound
	case CodePeerUnreachable:
		return ExitUnreachable
	case CodeTimeout:
		return ExitTimeout
	case CodeInterrupted:
		return ExitInterrupted
	}
	return exitOfState(code)
}

// exitOfState is the part of ExitOf about the state of things: what stands in
// the way of a change, and what ended a transfer.
func exitOfState(code string) int {
	switch code {
	case CodeNotASubvolume, CodeNotBtrfs, CodeTaskExists, CodeTaskDisabled, CodeOtherMesh, CodeNameTaken,
		CodeServiceOff, CodeProtocolMismatch, CodeReplicaModified, CodeReplicaPromoted, CodeSecondDaemon,
		CodeForeignState, CodeWideModes, CodeNotRunning, CodeConfigured,
		CodeRemovalHeld, CodeClonedIdentity, CodeNotAdmitted:
		return ExitConflict
	case CodeQuotaExceeded, CodeNoSpace, CodeNoCommonSnapshot, CodeRunFailed, CodeRunCancelled, CodeRunPaused:
		return ExitTransfer
	}
	return ExitFailure
}
