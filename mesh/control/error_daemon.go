package control

import "strconv"

// Errors of a daemon that cannot start.

// PortTaken says that the UDP port is in use; holder is the process that has
// it, where known.
func PortTaken(port int, holder string) *Error {
	e := Errorf(CodePortTaken, "udp %d is in use. Set port in /etc/btrmesh/config.toml.", port)
	if holder != "" {
		e = e.Fact("it is held by %s", holder)
	}
	return e
}

// SecondDaemon says that the state directory is in use; pid 0 is unknown.
func SecondDaemon(stateDir string, pid int) *Error {
	who := ""
	if pid > 0 {
		who = " (pid " + strconv.Itoa(pid) + ")"
	}
	return Errorf(CodeSecondDaemon, "another btrmesh daemon uses %s%s.", stateDir, who)
}

// StateFull says that nothing can be recorded, for want of room on the disk of the
// state directory.
func StateFull(stateDir string, freeBytes uint64) *Error {
	return Errorf(CodeStateFull, "the disk of %s is full (%s free): nothing can be recorded, and no run starts, until there is room.",
		stateDir, IEC.Size(int64(min(freeBytes, 1<<62)))).
		Fact("what was recorded is safe, and so are shares and replicas").
		Hint("df -h %s", stateDir)
}

// ForeignState says that a state directory was written by another appliance.
func ForeignState(stateDir, ownerID, ourID string) *Error {
	return Errorf(CodeForeignState, "%s holds the state of appliance %s, but the key here is that of %s.",
		stateDir, ownerID, ourID).
		Fact("a copied system disk shows this; two appliances must not share a key or a state")
}

// WideModes says that others could read or change what must stay private.
func WideModes(path string, mode, want uint32) *Error {
	return Errorf(CodeWideModes, "%s has mode %s, which lets others in.", path, octal(mode)).
		Hint("sudo chmod %s %s", octal(want), path)
}

// octal writes a file mode as chmod takes it.
func octal(mode uint32) string { return "0" + strconv.FormatUint(uint64(mode), 8) }
