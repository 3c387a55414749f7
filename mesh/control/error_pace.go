package control

// Errors about when and how fast data goes.

// LeastRate is the lowest limit, in bytes per second: below it a run would not
// even say that it is alive.
const LeastRate = 1024

// BadWindow says that a window cannot be read; why is a clause.
func BadWindow(text, why string) *Error {
	return Errorf(CodeBadWindow, "cannot read --window %q: %s.", text, why).
		Fact("give hours of this appliance's clock (22:00-06:00), with a limit for the rest of the day (22:00-06:00,outside=2M), or off")
}

// BadRate says that a limit cannot be read; what names it.
func BadRate(what, text string) *Error {
	return Errorf(CodeBadRate, "cannot read %s %q.", what, text).
		Fact("give bytes per second on the wire, at least 1K: 500K, 5M (powers of 1024), 5MB (powers of 1000), or off")
}

// BadLanes says that text names nothing that carries data.
func BadLanes(text string) *Error {
	return Errorf(CodeBadLanes, "lanes are auto, quic or tcp, not %q.", text)
}

// RunPaused says that a followed run stopped at the end of its window; until is
// "until 22:00, when its window opens".
func RunPaused(task string, run uint64, until string) *Error {
	return Errorf(CodeRunPaused, "%s run %d is paused at a checkpoint %s.", task, run, until).
		Hint("btrmesh task edit %s --window off", task)
}
