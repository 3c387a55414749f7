package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"btrmesh/mesh/control"
)

func TestProgressWithoutATerminalIsTenthsAndHalfMinutes(t *testing.T) {
	var told []int64
	var c pace
	start := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	for second := range int64(100) {
		p := control.Progress{DoneBytes: 0, EstimateBytes: new(int64(1000))}
		if second >= 40 {
			p.DoneBytes = second - 40 + 95 // the first tenth at 45 s
		}
		if c.due(p, start.Add(time.Duration(second)*time.Second)) {
			told = append(told, second)
		}
	}
	if diff := cmp.Diff([]int64{30, 45, 75}, told); diff != "" {
		t.Error(diff)
	}
}

func TestProgressLineSaysWhatIsKnown(t *testing.T) {
	s := &session{err: screen{width: 100}}
	full := control.Progress{Task: "photos-nas-b", Share: "photos", Target: "nas-b", DoneBytes: 46179488366, EstimateBytes: new(int64(68719476736)), BytesPerSecond: new(float64(103 << 20))}
	for name, c := range map[string]struct {
		p    control.Progress
		want string
	}{
		"all":             {full, "photos → nas-b  [████████████████░░░░░░░░]  67.2%  43.0 GiB / ~64.0 GiB  103 MiB/s  ETA 3m28s"},
		"no estimate":     {control.Progress{Task: "vm", DoneBytes: 1024}, "vm  1.0 KiB  -  ETA -"},
		"waiting":         {control.Progress{Task: "vm", State: control.StateWaiting, Reason: "nas-b is offline"}, "vm  waiting: nas-b is offline"},
		"over estimate":   {control.Progress{Task: "vm", DoneBytes: 20, EstimateBytes: new(int64(10))}, "vm  [████████████████████████]  100.0%  10 B / ~10 B  -  ETA -"},
		"slower than 2 d": {control.Progress{Task: "vm", EstimateBytes: new(int64(1 << 40)), BytesPerSecond: new(1.0)}, "vm  [░░░░░░░░░░░░░░░░░░░░░░░░]  0.0%  0 B / ~1.0 TiB  1 B/s  ETA >2d"},
	} {
		if got := s.barLine(c.p); got != c.want {
			t.Errorf("%s: line is %q, want %q", name, got, c.want)
		}
	}
	s.err.width = 70
	if got, want := s.barLine(full), "photos → nas-b  67.2%  43.0 GiB / ~64.0 GiB  103 MiB/s  ETA 3m28s"; got != want {
		t.Errorf("narrow line is %q, want %q", got, want)
	}
}
