//go:build root

package test

import (
	"testing"
	"time"

	"btrmesh/mesh/control"
	"btrmesh/test/shaper"
)

// stretch is two real daemons at the ends of a shaped line, paired, with a share
// on the first and a task that sends it to the second.
type stretch struct {
	*shaper.Line
	t     *testing.T
	a, b  *appliance
	share string
	task  string
}

// newStretch makes the line without faults, and waits for the first run, which
// finds an empty share.
func newStretch(t *testing.T) *stretch {
	t.Helper()
	l := &lab{t: t, tag: nextTag()}
	s := &stretch{t: t}
	s.a, s.b = l.prepare("nas-a", "10.78.0.1", poolSize), l.prepare("nas-b", "10.78.0.2", poolSize)
	for _, x := range []*appliance{s.a, s.b} {
		x.ns, x.listen = l.namespace(x.name), ":7945" // also at an address it gets later
	}
	line, err := shaper.Open(t.Context(), shaper.Config{
		A:    shaper.End{Namespace: s.a.ns, Address: s.a.addr + "/24"},
		B:    shaper.End{Namespace: s.b.ns, Address: s.b.addr + "/24"},
		Seed: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Line = line
	t.Cleanup(func() {
		if err := line.Close(); err != nil {
			t.Error(err)
		}
	})
	s.a.start()
	s.b.start()
	pair(s.a, s.b)
	s.task, s.share = s.a.replicates("photos", s.b)
	return s
}

// shape sets both directions.
func (s *stretch) shape(p shaper.Profile) {
	s.t.Helper()
	if err := s.Set(p); err != nil {
		s.t.Fatal(err)
	}
}

// begin puts new data into the share and starts a run, whose number it returns.
// It does not wait for more than the target having applied some of it.
func (s *stretch) begin(size int) uint64 {
	s.t.Helper()
	fill(s.t, s.share, "big", size)
	started, err := s.a.client.RunTask(s.t.Context(), control.RunTask{Task: s.task})
	if err != nil {
		s.t.Fatal(err)
	}
	s.a.eventually(patience, "the target has applied a part", func() bool {
		p := progress(s.a, s.task)
		return p != nil && p.DoneBytes > int64(size)/8
	})
	return started.Value.Run
}

// patience is for what takes seconds at most, on a machine that is busy.
const patience = time.Minute

// wantDone waits until all is on the target, by the run itself or by one that
// went on where it was cut.
func (s *stretch) wantDone(run uint64, limit time.Duration) {
	s.t.Helper()
	start := time.Now()
	var last control.Run
	s.a.eventually(limit, "a run is ok", func() bool {
		last = items[control.Run](s.a, "task", "history", s.task, "-n", "1")[0]
		return last.Number >= run && last.Result == control.ResultOK
	})
	if last.Number != run && last.ResumedBytes == 0 {
		s.t.Errorf("run %d was cut, and run %d began again from nothing", run, last.Number)
	}
	s.t.Logf("done %v later, by run %d (%d began); %d bytes were not sent again", time.Since(start).Round(time.Millisecond), last.Number, run, last.ResumedBytes)
	wantEqual(s.a, s.b, s.task, "photos")
	outcomes(s.a, s.b, s.task, "photos@nas-a")
}
