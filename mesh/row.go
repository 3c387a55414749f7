package mesh

import "btrmesh/state"

// What the rows of a run have in common, on whichever side and screen.

// asItStands is a recorded run, with its live figures while it lasts here.
func (n *Node) asItStands(rec state.Run) state.Run {
	if live, ok := n.runs.get(keyOf(rec)); ok {
		if now := live.record(); now.Number == rec.Number {
			return now
		}
	}
	return rec
}

// contentOf is what kind of stream a run had, and of which snapshot; empty where
// there was nothing to send.
func contentOf(rec state.Run) (kind, snapshot string) {
	if rec.Kind == state.Unchanged {
		return "", ""
	}
	return rec.Kind.String(), rec.Snapshot
}

// paceOfRun is how long a run took, in seconds, and its bytes of stream per second.
// Both are nil while it lasts, the second also if nothing was sent.
func paceOfRun(rec state.Run) (took, perSecond *float64) {
	if !rec.State.Final() {
		return nil, nil
	}
	lasted := rec.Ended.Sub(rec.Started)
	if rec.StreamBytes > 0 && lasted > 0 {
		rate := float64(rec.StreamBytes) / lasted.Seconds()
		perSecond = &rate
	}
	return seconds(lasted), perSecond
}
