package control

import "strconv"

// Errors about grants and room.

// NotGranted says that target does not let source write into pool.
func NotGranted(target, source, pool string) *Error {
	return Errorf(CodeNotGranted, "%s does not let %s write into pool %s.", target, source, pool).
		HintOn(target, "sudo btrmesh pool allow %s %s", pool, source)
}

// QuotaExceeded says that a run does not fit into what was granted. The hint
// raises the quota to what the run needs, in whole TiB or GiB.
func QuotaExceeded(source, target, pool string, usedBytes, quotaBytes, needBytes int64) *Error {
	return Errorf(CodeQuotaExceeded, "%s has used %s granted in %s:%s; this run needs ~%s.",
		source, hundredths(usedBytes, quotaBytes), target, pool, IEC.Size(needBytes)).
		HintOn(target, "sudo btrmesh pool allow %s %s --quota %s", pool, source, roundUp(usedBytes+needBytes))
}

// NoSpace says that a run does not fit on the target's pool. reserve is the
// part of the pool kept free, in percent.
func NoSpace(target, pool string, freeBytes, needBytes, reservePercent int64) *Error {
	return Errorf(CodeNoSpace,
		"%s:%s has %s free, the run needs ~%s and the reserve is %d%%. Nothing was sent.",
		target, pool, IEC.Size(freeBytes), IEC.Size(needBytes), reservePercent).
		Hint("btrmesh pool list --on %s", target)
}

// roundUp writes n bytes as a SIZE of whole TiB, or of GiB up to one TiB.
func roundUp(n int64) string {
	const gib, tib = 1 << 30, 1 << 40
	if n > tib {
		return strconv.FormatInt((n+tib-1)/tib, 10) + "T"
	}
	return strconv.FormatInt((n+gib-1)/gib, 10) + "G"
}
