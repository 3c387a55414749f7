package control

import "time"

// Errors about reaching the daemon and being let in.

// DaemonUnreachable says that nobody serves the socket; why is a full clause.
func DaemonUnreachable(socket, why string) *Error {
	return Errorf(CodeDaemonUnreachable, "cannot reach the daemon at %s: %s. It does not appear to be running.", socket, why).
		Hint("sudo systemctl start btrmesh")
}

// SocketDenied says that the user may not use the socket at all. The command
// line adds the hint, as it knows the line.
func SocketDenied(socket string) *Error {
	return Errorf(CodeSocketDenied, "permission denied on %s (group %s).", socket, readGroup)
}

// ReadOnlyUser says that the user may read only. The command line adds the
// hint, as it knows the line.
func ReadOnlyUser() *Error {
	return Errorf(CodeReadOnlyUser, "changing needs root or group %s; you may read.", changeGroup)
}

// Timeout says that the daemon took too long.
func Timeout(limit time.Duration) *Error {
	return Errorf(CodeTimeout, "the daemon did not answer within %s.", Duration(limit))
}

// noSuchRequest says that this daemon has no such route.
func noSuchRequest(method, path string) *Error {
	return Errorf(CodeNoSuchRequest, "this daemon knows no %s %s.", method, path).
		Fact("daemon and command may be of different versions")
}
