package control

import "strings"

// Errors about who is a member, and where it is.

// RemovalHeld says that something waits for a person's decision about h.
func RemovalHeld(h HeldRemoval) *Error {
	e := Errorf(CodeRemovalHeld, "%s", h.text())
	e.Hints = h.Warning().Hints
	return e
}

// ClonedIdentity says that another machine has this appliance's key, so that
// nothing is received. Its one fact says what to do about the copy.
func ClonedIdentity(appliance string, addresses []string) *Error {
	return Errorf(CodeClonedIdentity,
		"this key is also used by another machine%s; nothing is received until that is settled.", inBrackets(addresses)).
		Fact("stop btrmesh on the copy and give it a new identity: remove its state directory, then pair it anew").
		Hint("sudo btrmesh appliance keep %s  # on the machine that goes on", appliance)
}

// NotAdmitted says that removing by takes name nothing, since another one
// admitted it; admitted are those that it could be.
func NotAdmitted(name, by string, admitted []string) *Error {
	e := Errorf(CodeNotAdmitted, "%s was not admitted by %s.", name, by)
	if len(admitted) > 0 {
		e = e.Fact("admitted by it: %s", strings.Join(admitted, ", "))
	}
	return e.Hint("sudo btrmesh appliance remove %s", name)
}

// BadAddress says that text is no HOST or HOST:PORT.
func BadAddress(text string) *Error {
	return Errorf(CodeBadAddress, "cannot read the address %q.", text).
		Fact("give a host name or IP address, with the port if it is not 7945: 192.168.1.11, nas-b.example:7946, [fd00::11]:7945")
}

// AddressNotFound says that an appliance has no such address that was added by
// hand; added are those it has.
func AddressNotFound(appliance, address string, added []string) *Error {
	e := Errorf(CodeAddressNotFound, "%s is no address that was added to %s.", address, appliance)
	if len(added) > 0 {
		e = e.Fact("added: %s", strings.Join(added, ", "))
	}
	return e.Hint("btrmesh appliance show %s", appliance)
}

// NeedsYes says that a command which can lose something cannot ask here.
func NeedsYes(verb string) *Error {
	return Errorf(CodeNeedsYes, "%s needs a terminal to ask, or --yes.", verb)
}

// NotConfirmed says that the answer to a question was not what it asked for.
func NotConfirmed(want string) *Error {
	return Errorf(CodeNotConfirmed, "that is not %s; nothing was changed.", want)
}

// DiscoverFailed says that nobody can be found on this network; why is a
// clause.
func DiscoverFailed(why string) *Error {
	return Errorf(CodeDiscoverFailed, "cannot look for appliances on this network: %s.", why).
		Fact("pairing needs no discovery: btrmesh pair join CODE --at HOST")
}
