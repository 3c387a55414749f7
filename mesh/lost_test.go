package mesh

import (
	"testing"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"

	"btrmesh/mesh/control"
	"btrmesh/state"
	"btrmesh/stream"
)

// muteOnce loses all that m sends from the moment when done says so.
func (f *fleet) muteOnce(m *member, done func() bool) {
	f.lose(func(p simnet.Packet) bool { return m.sent(p) && done() })
}

// loseAnswer loses the target's word that it committed the newest change.
func (f *fleet) loseAnswer(a, b *member) {
	before := len(b.committed(a, "photos"))
	f.muteOnce(b, func() bool { return len(b.committed(a, "photos")) > before })
}

func TestALostAnswerIsSettledByTheNextRunAndNothingIsSentTwice(t *testing.T) {
	couple(t, 60, func(f *fleet, a, b *member, task string) {
		t := f.t
		f.loseAnswer(a, b)
		time.Sleep(12 * time.Second) // the watchdog gives up after 10 s
		b.wantReceived("photos@nas-a", "1 full ok")
		a.wantHistory(task, "1 full running")
		f.lose(nil)
		time.Sleep(time.Minute)
		a.wantHistory(task, "1 full ok", "2 unchanged")
		if got := len(b.committed(a, "photos")); got != 1 {
			t.Errorf("%d snapshots in the replica, want 1", got)
		}
	})
}

func TestALostAnswerIsSettledWhenTheShareChangedMeanwhile(t *testing.T) {
	couple(t, 60, func(f *fleet, a, b *member, task string) {
		t := f.t
		time.Sleep(5 * time.Second)
		a.write("photos", map[string]string{"two": "changed"})
		f.loseAnswer(a, b)
		time.Sleep(68 * time.Second)
		a.wantHistory(task, "1 full ok", "2 incremental running")
		f.lose(nil)
		a.write("photos", map[string]string{"two": "changed again"})
		time.Sleep(time.Minute)
		a.wantHistory(task, "1 full ok", "2 incremental ok", "3 incremental ok")
		b.holds(a, "photos")
		if s := b.committed(a, "photos"); s[2].Parent != s[1].Snapshot {
			t.Error("the snapshot whose answer was lost was not the base of the next")
		}
	})
}

// settledAfterCrash has one crash while the target's answer is lost, and checks
// that the run is settled as the success that it was.
func settledAfterCrash(t *testing.T, who func(a, b *member) *member) {
	t.Helper()
	couple(t, 60, func(f *fleet, a, b *member, task string) {
		f.loseAnswer(a, b)
		time.Sleep(5 * time.Second)
		a.wantHistory(task, "1 full running")
		m := who(a, b)
		m.crash()
		f.lose(nil)
		m.start()
		time.Sleep(2 * time.Minute)
		if got := a.history(task); got[0] != "1 full ok" || a.last(task).Result != control.ResultUnchanged {
			f.t.Errorf("history: %q", got)
		}
	})
}

func TestALostAnswerIsSettledAfterTheSourceCrashed(t *testing.T) {
	settledAfterCrash(t, theSource)
}

func TestALostAnswerIsSettledAfterTheTargetCrashed(t *testing.T) {
	settledAfterCrash(t, theTarget)
}

func TestAnEndThatNeverArrivedIsSettledAsFailed(t *testing.T) {
	couple(t, 60, func(f *fleet, a, b *member, task string) {
		t := f.t
		f.muteOnce(a, func() bool { return a.run(state.Send, task, 1).State == state.Committing })
		time.Sleep(20 * time.Second) // the connection does not survive it
		f.lose(nil)
		time.Sleep(2 * time.Minute)
		if got := a.history(task); got[0] != "1 full failed" || a.last(task).Result != control.ResultUnchanged {
			t.Errorf("history: %q", got)
		}
		b.holds(a, "photos")
	})
}

func TestALostAnswerThatNothingChangedIsTheSameOnBothSides(t *testing.T) {
	couple(t, 60, func(f *fleet, a, b *member, task string) {
		time.Sleep(30 * time.Second)
		f.muteOnce(b, func() bool { return b.run(state.Receive, task, 2).State == state.Done })
		time.Sleep(50 * time.Second)
		f.lose(nil)
		time.Sleep(2 * time.Minute)
		a.wantState(task, control.StateOK, "")
	})
}

func TestWhileAnAnswerIsLostTheRunSaysSo(t *testing.T) {
	couple(t, 60, func(f *fleet, a, b *member, task string) {
		t := f.t
		f.loseAnswer(a, b)
		time.Sleep(20 * time.Second)
		p, err := a.progressAt(task, 1, time.Now())
		if err != nil || p.State != control.StateWaiting || p.Reason != "the answer of nas-b was lost; the next run asks for it" {
			t.Errorf("progress is %+v, %v", p, err)
		}
		f.lose(nil)
		time.Sleep(time.Minute)
	})
}

func TestTheReasonOfARunThatStaysOpenIsRecordedWithItsRetryOrNotAtAll(t *testing.T) {
	couple(t, 60, func(f *fleet, a, _ *member, _ string) {
		rec := state.Run{Side: state.Send, Task: "gone", Number: 1, State: state.Committing}
		s := &sending{node: a.Node, task: state.Task{Name: rec.Task}, run: &run{store: a.store, log: a.Node.log, rec: rec}}
		err := s.leaveOpen(f.t.Context(), &stream.Refusal{Code: stream.IO, Text: "broken"})
		if err == nil {
			f.t.Error("a task that is gone is tried again")
		}
		if got, kept := a.run(state.Send, rec.Task, 1), s.run.stored(); got.Code != "" || kept.Code != "" {
			f.t.Errorf("recorded %+v, kept %+v", got, kept)
		}
	})
}
