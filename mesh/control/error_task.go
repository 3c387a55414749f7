package control

import (
	"fmt"
	"time"
)

// Errors about tasks and their runs.

// LeastEverySeconds is the smallest frequency of a task.
const LeastEverySeconds = 60

// FrequencyTooSmall says that a task would run too often.
func FrequencyTooSmall(everySeconds int64) *Error {
	return Errorf(CodeFrequencyTooSmall, "frequency is %d s; the least is %d s.", everySeconds, LeastEverySeconds).
		Hint("--every %d", LeastEverySeconds)
}

// TaskExists says that the share goes there already. disabledSince is zero for
// a task that is enabled.
func TaskExists(share, target, pool, task string, disabledSince time.Time) *Error {
	state := ""
	if !disabledSince.IsZero() {
		state = ", disabled since " + date(disabledSince)
	}
	e := Errorf(CodeTaskExists, "%s already replicates to %s:%s (task %s%s).", share, target, pool, task, state)
	if disabledSince.IsZero() {
		return e.Hint("btrmesh task list")
	}
	return e.Hint("btrmesh task enable %s", task)
}

// NoTaskDelete answers an attempt to delete a task; task may be empty.
func NoTaskDelete(task string) *Error {
	if task == "" {
		task = "TASK"
	}
	return Errorf(CodeNoTaskDelete, "tasks are not deleted, so that their history stays.").
		Hint("btrmesh task disable %s", task)
}

// TaskDisabled says that a disabled task does not run.
func TaskDisabled(task string) *Error {
	return Errorf(CodeTaskDisabled, "%s is disabled.", task).Hint("btrmesh task enable %s", task)
}

// NotRunning says that a task has no transfer to cancel.
func NotRunning(task string) *Error {
	return Errorf(CodeNotRunning, "%s is not running.", task).Hint("btrmesh task list")
}

// NotASubvolume says that a directory cannot be snapshotted.
func NotASubvolume(path string) *Error {
	return Errorf(CodeNotASubvolume,
		"%s is a directory, not a btrfs subvolume, so it cannot be snapshotted.", path).
		Fact("to turn it into one: btrfs subvolume create %s.new && cp -a --reflink %s/. %s.new/", path, path, path).
		Fact("then: mv %s %s.old && mv %s.new %s", path, path, path, path)
}

// NotBtrfs says that path is no pool; mounts are the btrfs mounts there are.
func NotBtrfs(path, fileSystem string, mounts []string) *Error {
	e := Errorf(CodeNotBtrfs, "%s is %s; a pool is a mounted btrfs file system.", path, fileSystem)
	for _, m := range mounts {
		e = e.Fact("btrfs here: %s", m)
	}
	return e
}

// ServiceOff says that an appliance takes no part in replication just now.
func ServiceOff(appliance string, here bool) *Error {
	e := Errorf(CodeServiceOff, "the replication service is off on %s.", appliance)
	if here {
		return e.Hint("sudo btrmesh service on")
	}
	return e.HintOn(appliance, "sudo btrmesh service on")
}

// NoCommonSnapshot says that only a full send can go on, which needs the
// operator's word.
func NoCommonSnapshot(task, target string, estimateBytes int64) *Error {
	return Errorf(CodeNoCommonSnapshot,
		"%s has no snapshot in common with %s any more; a full send of ~%s is needed.",
		task, target, IEC.Size(estimateBytes)).Hint("btrmesh task run %s --full", task)
}

// ReplicaModified says that a replica was made writable by hand.
func ReplicaModified(replica, target, source, task string) *Error {
	return Errorf(CodeReplicaModified, "%s on %s was made writable by hand; it was left untouched.", replica, target).
		Fact("a full send puts a new copy beside it").
		HintOn(source, "btrmesh task run %s --full", task)
}

// ReplicaPromoted says that a replica has become the live share over there.
func ReplicaPromoted(replica, target, source string, since time.Time, everySeconds int64) *Error {
	return Errorf(CodeReplicaPromoted, "%s was promoted on %s on %s; runs from %s are refused.",
		replica, target, date(since), source).
		HintOn(target, "btrmesh replica reverse %s --every %d", replica, everySeconds)
}

// RunFailed says that a followed run ended without a commit; why is a clause.
func RunFailed(task string, run uint64, why string) *Error {
	return Errorf(CodeRunFailed, "%s run %d failed: %s.", task, run, why).Hint("btrmesh task history %s", task)
}

// RunCancelled says that a followed run was cancelled.
func RunCancelled(task string, run uint64) *Error {
	return Errorf(CodeRunCancelled, "%s run %d was cancelled.", task, run).
		Hint("btrmesh task run %s --wait", task)
}

// date writes a day as messages do.
func date(t time.Time) string { return t.Format(time.DateOnly) }

// hundredths writes used in the unit of quota with two decimals, and quota
// with one: "1.98 of 2.0 TiB".
func hundredths(used, quota int64) string {
	size, name := IEC.scale(float64(quota))
	return fmt.Sprintf("%.2f of %.1f %s", float64(used)/size, float64(quota)/size, name)
}
