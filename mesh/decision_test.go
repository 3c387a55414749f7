package mesh

import (
	"slices"
	"testing"
	"time"

	"btrmesh/btrfs"
	"btrmesh/btrfs/receive"
	"btrmesh/mesh/control"
	"btrmesh/mesh/plan"
	"btrmesh/state"
	"btrmesh/stream"
)

func TestTaskStateSaysWhereATaskStandsAndWhy(t *testing.T) {
	next := plan.Step{Kind: plan.Wait, Until: time.Now(), Reason: "next in 5m"}
	held := plan.Step{Kind: plan.Wait, Reason: "service is off"}
	refused := &state.Run{State: state.Failed, Code: control.CodeNotGranted, Error: "nas-b says no."}
	broken := &state.Run{State: state.Failed, Code: control.CodeInternal, Error: "odd."}
	for name, c := range map[string]struct {
		failures uint32
		disabled bool
		running  bool
		lag      time.Duration
		unknown  bool
		last     *state.Run
		step     plan.Step
		want     control.State
		why      string
	}{
		"well":                         {step: next, want: control.StateOK},
		"running":                      {running: true, step: held, want: control.StateSending},
		"running to its end, disabled": {running: true, disabled: true, step: next, want: control.StateSending},
		"disabled":                     {disabled: true, lag: 24 * time.Hour, want: control.StateDisabled},
		"never ran":                    {unknown: true, step: next, want: control.StateWaiting, why: "next in 5m"},
		"held":                         {step: held, want: control.StateWaiting, why: "service is off"},
		"held and late":                {lag: time.Hour, step: held, want: control.StateLate, why: "service is off"},
		"held after a refusal":         {failures: 2, last: refused, step: held, want: control.StateWaiting, why: "service is off"},
		"refused":                      {failures: 1, last: refused, step: next, want: control.StateRefused, why: "nas-b says no"},
		"refused and late":             {failures: 9, last: refused, lag: time.Hour, step: next, want: control.StateRefused, why: "nas-b says no"},
		"refused long ago":             {last: refused, step: next, want: control.StateOK},
		"failed":                       {failures: 1, last: broken, step: next, want: control.StateFailed, why: "odd"},
		"failed and late":              {failures: 1, last: broken, lag: time.Hour, step: next, want: control.StateLate, why: "odd"},
		"late":                         {lag: time.Hour, step: next, want: control.StateLate, why: "next in 5m"},
		"almost late":                  {lag: 15 * time.Minute, step: next, want: control.StateOK},
	} {
		task := state.Task{Enabled: !c.disabled, EverySeconds: 600, Failures: c.failures}
		got, why := taskState(task, c.running, c.lag, !c.unknown, c.last, c.step)
		if got != c.want || why != c.why {
			t.Errorf("%s: %s %q, want %s %q", name, got, why, c.want, c.why)
		}
	}
}

func TestReplicaStateSaysWhereAReplicaStandsAndWhy(t *testing.T) {
	for name, c := range map[string]struct {
		every   int64
		running bool
		newest  receive.Received
		lag     time.Duration
		want    control.State
	}{
		"well":                      {600, false, receive.Received{}, time.Minute, control.StateOK},
		"being received":            {600, true, receive.Received{}, time.Hour, control.StateReceiving},
		"late":                      {600, false, receive.Received{}, time.Hour, control.StateLate},
		"of an unknown frequency":   {0, false, receive.Received{}, 1000 * time.Hour, control.StateOK},
		"changed by hand":           {600, false, receive.Received{Modified: true}, 0, control.StateRefused},
		"changed by hand in a run":  {600, true, receive.Received{Modified: true}, 0, control.StateRefused},
		"changed by hand, and late": {600, false, receive.Received{Modified: true}, time.Hour, control.StateRefused},
	} {
		shown := control.Replica{EverySeconds: c.every, Source: "nas-a"}
		if c.running {
			shown.Progress = &control.Progress{}
		}
		if got, why := replicaState(shown, c.newest, c.lag); got != c.want || (why == "") != (got == control.StateOK || got == control.StateReceiving) {
			t.Errorf("%s: %s %q, want %s", name, got, why, c.want)
		}
	}
}

// snap is a snapshot whose UUID and age are n.
func snap(n byte) plan.Snapshot {
	return plan.Snapshot{UUID: btrfs.UUID{n}, CTransID: uint64(n), Taken: time.Unix(int64(n), 0), ReadOnly: true}
}

func snaps(numbers ...byte) []plan.Snapshot {
	var list []plan.Snapshot
	for _, n := range numbers {
		list = append(list, snap(n))
	}
	return list
}

func TestSourceVerdictsKeepWhatTheTargetHoldsAndWhatIsPinned(t *testing.T) {
	for name, c := range map[string]struct {
		keep        int
		here, there []plan.Snapshot
		pins        []byte
		want        []byte
	}{
		"the newest in common":              {1, snaps(1, 2, 3), snaps(1, 2, 3), nil, []byte{3}},
		"as many as asked for":              {2, snaps(1, 2, 3), snaps(1, 2, 3), nil, []byte{2, 3}},
		"nothing asked for keeps one":       {0, snaps(1, 2, 3), snaps(1, 2, 3), nil, []byte{3}},
		"never sent goes":                   {2, snaps(1, 2, 3, 4), snaps(1, 3), nil, []byte{1, 3}},
		"newer but never sent goes":         {1, snaps(1, 2), snaps(1), nil, []byte{1}},
		"pinned stays":                      {1, snaps(1, 2, 3), snaps(2, 3), []byte{1}, []byte{1, 3}},
		"pinned by an open run, never sent": {1, snaps(1, 2, 3), snaps(2), []byte{3}, []byte{2, 3}},
		"the target has more":               {1, snaps(3), snaps(1, 2, 3), nil, []byte{3}},
		"the target has none":               {5, snaps(1, 2), nil, nil, nil},
		"nothing here":                      {1, nil, snaps(1), nil, nil},
	} {
		pins := map[btrfs.UUID]string{}
		for _, n := range c.pins {
			pins[btrfs.UUID{n}] = "open run"
		}
		var got []byte
		for _, v := range sourceVerdicts(c.keep, c.here, c.there, pins, time.Unix(100, 0)) {
			if v.Keep {
				got = append(got, v.UUID[0])
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v stay, want %v", name, got, c.want)
		}
	}
}

func TestTheTargetsHistorySettlesARunBeforeWhatItHolds(t *testing.T) {
	mine, unchanged := state.Run{Number: 7, SnapshotUUID: btrfs.UUID{7}}, state.Run{Number: 7, SnapshotUUID: btrfs.UUID{7}, Kind: state.Unchanged}
	held := []stream.Held{{UUID: btrfs.UUID{7}}}
	said := func(o stream.Outcome) []stream.Ended {
		return []stream.Ended{{Run: 6, Outcome: stream.EndedOK}, {Run: 7, Outcome: o}}
	}
	for name, c := range map[string]struct {
		rec  state.Run
		have stream.Have
		want stream.Outcome
	}{
		"it says ok":                    {mine, stream.Have{Ended: said(stream.EndedOK)}, stream.EndedOK},
		"it says failed":                {mine, stream.Have{Ended: said(stream.EndedFailed)}, stream.EndedFailed},
		"it says cancelled":             {mine, stream.Have{Ended: said(stream.EndedCancelled)}, stream.EndedCancelled},
		"it says unchanged":             {unchanged, stream.Have{Ended: said(stream.EndedUnchanged), Snapshots: held}, stream.EndedUnchanged},
		"it lost its history":           {mine, stream.Have{Snapshots: held}, stream.EndedOK},
		"it knows nothing":              {mine, stream.Have{}, stream.EndedFailed},
		"it knows nothing of unchanged": {unchanged, stream.Have{Snapshots: held}, stream.EndedFailed},
	} {
		if got := toldEnd(c.rec, c.have).Outcome; got != c.want {
			t.Errorf("%s: outcome %d, want %d", name, got, c.want)
		}
	}
}

func TestRateIsThatOfAboutTheLastTenSeconds(t *testing.T) {
	start := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	var m rateMeter
	at := func(seconds int, bytes int64) float64 {
		return m.rate(start.Add(time.Duration(seconds)*time.Second), bytes)
	}
	for _, c := range []struct {
		seconds int
		bytes   int64
		want    float64
	}{{0, 0, 0}, {0, 5, 0}, {1, 100, 100}, {2, 200, 100}, {12, 200, 0}, {13, 300, 100. / 11}, {60, 300, 0}, {61, 1300, 1000. / 48}} {
		if got := at(c.seconds, c.bytes); got < c.want*0.99 || got > c.want*1.01+0.001 {
			t.Errorf("at %d s: %g bytes/s, want %g", c.seconds, got, c.want)
		}
	}
	if len(m.seen) > 3 {
		t.Errorf("%d samples are kept", len(m.seen))
	}
}

func TestTheScheduleSleepsUntilTheNextStep(t *testing.T) {
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	until := func(d time.Duration) plan.Step { return plan.Step{Kind: plan.Wait, Until: now.Add(d)} }
	for name, c := range map[string]struct {
		steps []plan.Step
		want  time.Duration
	}{
		"nothing to do":      {nil, longestNap},
		"something far":      {[]plan.Step{until(time.Hour)}, longestNap},
		"something near":     {[]plan.Step{until(time.Hour), until(3 * time.Second), until(5 * time.Second)}, 3 * time.Second},
		"something overdue":  {[]plan.Step{until(-time.Hour)}, 10 * time.Millisecond},
		"waiting for events": {[]plan.Step{{Kind: plan.Wait}}, longestNap},
		"something just due": {[]plan.Step{until(0)}, 10 * time.Millisecond},
	} {
		if got := untilNext(c.steps, now); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestAddressesOfPeersAreChecked(t *testing.T) {
	given := []string{"10.0.0.1:7945", "nas-b:7945", "", "[fd00::1]:7945", "10.0.0.1", "10.0.0.1:99999", "fd00::1:7945"}
	if got, want := cleanAddresses(given), []string{"10.0.0.1:7945", "[fd00::1]:7945"}; !slices.Equal(got, want) {
		t.Errorf("addresses are %q, want %q", got, want)
	}
	for given, want := range map[string]string{
		"nas-b": "nas-b:7945", "nas-b:1": "nas-b:1", "10.0.0.1": "10.0.0.1:7945", "fd00::1": "[fd00::1]:7945", "[fd00::1]:1": "[fd00::1]:1",
	} {
		if got := withPort(given); got != want {
			t.Errorf("%q becomes %q, want %q", given, got, want)
		}
	}
	for given, want := range map[string]string{
		"10.0.0.1:7945": "10.0.0.1", "10.0.0.1:1": "10.0.0.1:1", "": "", "[fd00::1]:7945": "fd00::1", "nas-b": "nas-b",
	} {
		if got := withoutPort(given); got != want {
			t.Errorf("%q is shown as %q, want %q", given, got, want)
		}
	}
}

func TestATaskIsBoundByWhatAnotherNeedsAndDoesNotHold(t *testing.T) {
	var p pins = map[btrfs.UUID][]pin{{1}: {{"a", "base"}}, {2}: {{"b", "base"}}}
	for name, c := range map[string]struct {
		snap  btrfs.Snapshot
		bound bool
	}{
		"its own base":              {btrfs.Snapshot{UUID: btrfs.UUID{1}, Tasks: []string{"a", "b"}}, true},
		"another's, which holds it": {btrfs.Snapshot{UUID: btrfs.UUID{2}, Tasks: []string{"a", "b"}}, false},
		"another's, held here only": {btrfs.Snapshot{UUID: btrfs.UUID{2}, Tasks: []string{"a"}}, true},
		"nobody's":                  {btrfs.Snapshot{UUID: btrfs.UUID{3}, Tasks: []string{"a"}}, false},
	} {
		if why, bound := p.bind(c.snap, "a"); bound != c.bound {
			t.Errorf("%s: bound is %v (%s)", name, bound, why)
		}
	}
}
