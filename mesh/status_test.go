package mesh

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"btrmesh/mesh/control"
)

func TestStatusOfTwoAppliancesThatAreWell(t *testing.T) {
	couple(t, 60, func(f *fleet, a, b *member, task string) {
		t := f.t
		time.Sleep(30 * time.Second)
		here, there := a.overview(), b.overview()
		if !here.Node.ServiceOn || here.Node.Appliance != "nas-a" || here.Node.Port != DefaultPort || len(here.Warnings)+len(there.Warnings) != 0 {
			t.Errorf("status: %+v, warnings of nas-b: %+v", here, there.Warnings)
		}
		if len(here.Send) != 1 || here.Send[0].State != control.StateOK || here.Send[0].Last.Run != 1 || here.Send[0].NextAt.IsZero() {
			t.Errorf("tasks of nas-a: %+v", here.Send)
		}
		if r := there.Receive; len(r) != 1 || r[0].State != control.StateOK || r[0].Name != "photos@nas-a" || r[0].EverySeconds != 60 || r[0].Task != task {
			t.Errorf("replicas of nas-b: %+v", r)
		}
		if p := here.Appliances[1]; p.State != control.Online || p.Address != "10.0.0.2" || p.RTTSeconds == nil || *p.RTTSeconds <= 0 || p.Receives != 1 {
			t.Errorf("nas-b as nas-a sees it: %+v", p)
		}
		if p := there.Appliances[1]; p.Sends != 1 || p.Version != "test" {
			t.Errorf("nas-a as nas-b sees it: %+v", p)
		}
		shown := a.shown(task)
		if shown.KeepSource != 2 || shown.KeepTarget != "last=24,daily=7,weekly=4" || shown.Replica != "photos@nas-a" || shown.Base != a.snapshots()[0].Name {
			t.Errorf("task: %+v", shown)
		}
	})
}

func TestStatusConcerningOneApplianceLeavesTheOthersOut(t *testing.T) {
	trio(t, func(f *fleet, a, b, c *member) {
		t := f.t
		a.newShare("photos", map[string]string{"one": "1"})
		a.add("photos", b, 60)
		a.add("photos", c, 60)
		time.Sleep(10 * time.Second)
		st, err := a.status(a.ctx(), control.StatusRequest{Appliance: "nas-c"})
		if err != nil || len(st.Send) != 1 || st.Send[0].Target != "nas-c" || len(st.Appliances) != 1 {
			t.Errorf("status: %+v, %v", st, err)
		}
		_, err = a.status(a.ctx(), control.StatusRequest{Appliance: "nas-x"})
		wantCode(t, err, control.CodeApplianceNotFound)
	})
}

func TestALateTaskBecomesAWarningAndThenCritical(t *testing.T) {
	couple(t, 120, func(f *fleet, a, b *member, task string) {
		t := f.t
		time.Sleep(5 * time.Second)
		b.halt()
		time.Sleep(4 * time.Minute)
		a.untilIdle(task)
		a.wantState(task, control.StateLate, "nas-b did not answer")
		a.wantLate(task, control.Degraded, "nas-b did not answer at 10.0.0.2:7945 (timeout 5s).")
		if got := a.overview().Exit(); got != control.ExitDegraded {
			t.Errorf("exit code %d, want %d", got, control.ExitDegraded)
		}
		time.Sleep(3 * time.Minute)
		a.untilIdle(task)
		a.wantLate(task, control.Critical, "nas-b did not answer at 10.0.0.2:7945 (timeout 5s).")
		if got := a.overview().Exit(); got != control.ExitCritical {
			t.Errorf("exit code %d, want %d", got, control.ExitCritical)
		}
		b.start()
		time.Sleep(5 * time.Minute)
	})
}

func TestAReplicaWhoseSourceIsGoneIsLate(t *testing.T) {
	couple(t, 60, func(f *fleet, a, b *member, _ string) {
		t := f.t
		time.Sleep(5 * time.Second)
		a.halt()
		time.Sleep(3 * time.Minute)
		if r := b.overview().Receive[0]; r.State != control.StateLate || r.Reason != "nothing came from nas-a" {
			t.Errorf("replica is %s: %q", r.State, r.Reason)
		}
		a.start()
	})
}

func TestTheServiceThatIsOffIsAWarning(t *testing.T) {
	couple(t, 60, func(f *fleet, a, _ *member, _ string) {
		t := f.t
		time.Sleep(5 * time.Second)
		if _, err := a.service(a.ctx(), control.SetService{On: false}); err != nil {
			t.Fatal(err)
		}
		a.wantWarning(control.Degraded, "the replication service is off on nas-a.")
	})
}

func TestAFollowedRunIsToldToItsEnd(t *testing.T) {
	halfSent(t, 60, func(f *fleet, a, _ *member, task string) {
		t := f.t
		var told []control.Progress
		err := a.followRun(a.ctx(), control.FollowRun{Task: task, Run: 1}, func(p control.Progress) error {
			told = append(told, p)
			return nil
		})
		if err != nil || len(told) < 4 {
			t.Fatalf("told %d times, %v", len(told), err)
		}
		end := told[len(told)-1]
		if end.Result == nil || end.Result.Result != control.ResultOK || *end.EstimateBytes < 2<<20 || end.DoneBytes < *end.EstimateBytes {
			t.Errorf("at the end: %+v", end)
		}
		if !slices.IsSortedFunc(told, func(x, y control.Progress) int { return int(x.DoneBytes - y.DoneBytes) }) {
			t.Errorf("progress went back: %+v", told)
		}
		err = a.followRun(a.ctx(), control.FollowRun{Task: task, Run: 7}, func(control.Progress) error { return nil })
		wantCode(t, err, control.CodeRunNotFound)
	})
}

func TestBothSidesShowARunUnderWay(t *testing.T) {
	halfSent(t, 60, func(f *fleet, a, b *member, task string) {
		t := f.t
		if p := a.shown(task).Progress; p == nil || p.Run != 1 || p.Kind != "full" || p.State != control.StateSending {
			t.Errorf("progress on the source: %+v", p)
		}
		runs, err := b.receiveHistory(b.ctx(), control.ReceiveHistory{Replica: "photos@nas-a"})
		if err != nil || len(runs) != 1 || runs[0].Progress == nil || runs[0].Progress.State != control.StateReceiving || runs[0].Progress.DoneBytes == 0 {
			t.Errorf("history on the target: %+v, %v", runs, err)
		}
		time.Sleep(time.Minute)
	})
}

func TestAFailedRunSaysWhichOneMadeItUp(t *testing.T) {
	couple(t, 60, func(f *fleet, a, b *member, task string) {
		t := f.t
		time.Sleep(5 * time.Second)
		a.fake.Inject(fault("Snapshot"))
		a.write("photos", map[string]string{"two": "changed"})
		time.Sleep(3 * time.Minute)
		runs, err := a.taskHistory(a.ctx(), control.TaskHistory{Task: task, Failed: true})
		if err != nil || len(runs) != 1 || runs[0].Number != 2 || runs[0].MadeUpBy != 3 {
			t.Errorf("failed runs: %+v, %v", runs, err)
		}
	})
}

func TestTheHistoryOfAnUnknownReplicaSaysWhichThereAre(t *testing.T) {
	couple(t, 60, func(f *fleet, _, b *member, _ string) {
		time.Sleep(5 * time.Second)
		_, err := b.receiveHistory(b.ctx(), control.ReceiveHistory{Replica: "fotos@nas-a"})
		wantCode(f.t, err, control.CodeReplicaNotFound)
		e, ok := errors.AsType[*control.Error](err)
		if !ok || !slices.Contains(e.Hints, "btrmesh receive list") || !strings.Contains(e.Msg, "photos@nas-a") {
			f.t.Errorf("error is %+v", e)
		}
	})
}
