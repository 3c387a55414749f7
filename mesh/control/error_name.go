package control

import "strings"

// Errors about things that are not there, or are called otherwise.

// Usage says that a request or command line was not understood.
func Usage(format string, args ...any) *Error { return Errorf(CodeUsage, format, args...) }

// ShareNotFound says that appliance has no such share; near is the name that
// may have been meant, or empty.
func ShareNotFound(share, appliance, near string) *Error {
	return Errorf(CodeShareNotFound, "no share %q on %s.%s", share, appliance, DidYouMean(near)).
		Hint("btrmesh share list")
}

// ApplianceNotFound says that the mesh has no such member.
func ApplianceNotFound(name string, known []string) *Error {
	e := Errorf(CodeApplianceNotFound, "%s is not a known appliance.", name)
	if len(known) > 0 {
		e = e.Fact("known: %s", strings.Join(known, ", "))
	}
	return e.Hint("sudo btrmesh pair invite")
}

// PoolNotFound says that appliance has no such pool; pools are those it has.
func PoolNotFound(appliance, pool string, pools []Pool) *Error {
	e := Errorf(CodePoolNotFound, "%s has no pool %q.", appliance, pool)
	for _, p := range pools {
		if p.FreeBytes == nil {
			e = e.Fact("%s", p.Name)
			continue
		}
		e = e.Fact("%s, %s free", p.Name, IEC.Size(*p.FreeBytes))
	}
	return e.Hint("btrmesh pool list --on %s", appliance)
}

// TaskNotFound says that there is no such task here.
func TaskNotFound(name string, tasks []string) *Error {
	return notFound("task", name, tasks).Hint("btrmesh task list")
}

// ReplicaNotFound says that there is no such replica here.
func ReplicaNotFound(name string, replicas []string) *Error {
	return notFound("replica", name, replicas).Hint("btrmesh receive list")
}

// InviteNotFound says that there is no such open invite.
func InviteNotFound(number uint64) *Error {
	return Errorf(CodeInviteNotFound, "there is no open invite %d.", number).Hint("btrmesh pair list")
}

// RunNotFound says that a task has no such run.
func RunNotFound(task string, run uint64) *Error {
	return Errorf(CodeRunNotFound, "%s has no run %d.", task, run).Hint("btrmesh task history %s", task)
}

// BadName says that a name breaks the rule for names.
func BadName(kind, name string) *Error {
	return Errorf(CodeBadName, "%q cannot be the name of %s.", name, article(kind)).
		Fact("letters, digits, and . _ - are allowed, at most 63 of them")
}

// NameTaken says that an appliance of that name is in the mesh already.
func NameTaken(name string) *Error {
	return Errorf(CodeNameTaken, "the mesh already has an appliance called %s.", name).
		Hint("btrmesh appliance rename %s2", name)
}

// SelfTarget says that an appliance cannot replicate to itself.
func SelfTarget(appliance string) *Error {
	return Errorf(CodeSelfTarget, "%s cannot be its own target.", appliance)
}
