package mesh

import (
	"testing"
	"time"

	"btrmesh/mesh/control"
)

func TestDryRunsChangeNothing(t *testing.T) {
	couple(t, 60, func(f *fleet, a, b *member, task string) {
		t := f.t
		time.Sleep(5 * time.Second)
		a.newShare("music", map[string]string{"song": blob(1, 100_000)})
		snapshots := len(a.snapshots())
		dry := control.Dry{DryRun: true}
		add, err := a.addTask(a.ctx(), control.AddTask{Share: "music", To: "nas-b", Pool: "tank", EverySeconds: 60, Dry: dry})
		if err != nil || add.Plan == nil || add.Task != nil || add.Plan.Task.Name != "music-nas-b" || add.Plan.Refused != nil {
			t.Fatalf("add: %+v, %v", add, err)
		}
		if got := *add.Plan.Task.EstimateBytes; got < 100_000 || got > 110_000 {
			t.Errorf("estimate is %d bytes", got)
		}
		off, err := a.disableTask(a.ctx(), control.DisableTask{Task: task, Now: true, Dry: dry})
		if err != nil || off.Plan == nil || off.Plan.Would != "disable task photos-nas-b" {
			t.Errorf("disable: %+v, %v", off, err)
		}
		service, err := a.service(a.ctx(), control.SetService{On: false, Now: true, Dry: dry})
		if err != nil || service.Plan == nil {
			t.Errorf("service: %+v, %v", service, err)
		}
		denied, err := b.denyPool(b.ctx(), control.DenyPool{Pool: "tank", Appliance: "nas-a", Dry: dry})
		if err != nil || denied.Plan == nil || denied.Replicas != 1 {
			t.Errorf("deny: %+v, %v", denied, err)
		}
		allowed, err := a.allowPool(a.ctx(), control.AllowPool{Pool: "tank", Appliance: "nas-b", Dry: dry})
		if err != nil || allowed.Plan == nil {
			t.Errorf("allow: %+v, %v", allowed, err)
		}
		time.Sleep(2 * time.Minute)
		a.wantHistory(task, "1 full ok", "2 unchanged", "3 unchanged")
		tasks, err := a.tasks(a.ctx(), control.TasksRequest{})
		if err != nil || len(tasks) != 1 || !tasks[0].Enabled || len(a.snapshots()) != snapshots {
			t.Errorf("tasks: %+v, %v, snapshots: %v", tasks, err, a.snapshots())
		}
		local, err := a.api.pools(a.ctx(), control.PoolsRequest{})
		if err != nil || len(local) != 1 || len(local[0].ReceivesFrom) != 0 {
			t.Errorf("pools of nas-a: %+v, %v", local, err)
		}
	})
}

func TestTheSnapshotOfADryRunThatACrashCutIsSweptAtTheNextStart(t *testing.T) {
	couple(t, 60, func(f *fleet, a, _ *member, _ string) {
		t := f.t
		time.Sleep(5 * time.Second)
		share, err := a.fake.Share(a.ctx(), "photos")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.fake.Snapshot(a.ctx(), share, dryTask, time.Now().UTC()); err != nil {
			t.Fatal(err)
		}
		before := len(a.snapshots())
		a.restart()
		left := a.snapshots()
		if len(left) != before-1 || left[0].HeldBy(dryTask) {
			t.Errorf("%d snapshots of %d are left: %+v", len(left), before, left)
		}
	})
}

func TestADryRunSaysWhatTheRealOneWouldRefuse(t *testing.T) {
	couple(t, 60, func(f *fleet, a, b *member, _ string) {
		t := f.t
		time.Sleep(5 * time.Second)
		a.newShare("music", map[string]string{"song": blob(1, 1<<20)})
		b.fake.Resize(1 << 20)
		add, err := a.addTask(a.ctx(), control.AddTask{Share: "music", To: "nas-b", Pool: "tank", EverySeconds: 60, Dry: control.Dry{DryRun: true}})
		if err != nil || add.Plan.Refused == nil || add.Plan.Refused.Code != control.CodeNoSpace {
			t.Errorf("add: %+v, %v", add.Plan, err)
		}
		b.fake.Resize(1 << 40)
	})
}

func TestWhatCannotBecomeATaskIsRefusedInWords(t *testing.T) {
	couple(t, 60, func(f *fleet, a, b *member, _ string) {
		t := f.t
		time.Sleep(5 * time.Second)
		a.newShare("music", map[string]string{"album/song": "la"})
		good := control.AddTask{Share: "music", To: "nas-b", Pool: "tank", EverySeconds: 60}
		for name, c := range map[string]struct {
			change func(*control.AddTask)
			code   string
		}{
			"too often":            {func(r *control.AddTask) { r.EverySeconds = 59 }, control.CodeFrequencyTooSmall},
			"too seldom":           {func(r *control.AddTask) { r.EverySeconds = 1 << 40 }, control.CodeUsage},
			"no such share":        {func(r *control.AddTask) { r.Share = "musik" }, control.CodeShareNotFound},
			"a directory":          {func(r *control.AddTask) { r.Share = "music/album" }, control.CodeNotASubvolume},
			"the pool's own":       {func(r *control.AddTask) { r.Share = ".btrmesh" }, control.CodeUsage},
			"another pool's":       {func(r *control.AddTask) { r.Share = "tonk:music" }, control.CodeShareNotFound},
			"no such appliance":    {func(r *control.AddTask) { r.To = "nas-x" }, control.CodeApplianceNotFound},
			"itself":               {func(r *control.AddTask) { r.To = "nas-a" }, control.CodeSelfTarget},
			"no such pool there":   {func(r *control.AddTask) { r.Pool = "tonk" }, control.CodePoolNotFound},
			"keeping nonsense":     {func(r *control.AddTask) { r.KeepTarget = "for=ever" }, control.CodeUsage},
			"keeping less than 0":  {func(r *control.AddTask) { r.KeepSource = -1 }, control.CodeUsage},
			"a name not allowed":   {func(r *control.AddTask) { r.Name = "my task" }, control.CodeBadName},
			"a name that is taken": {func(r *control.AddTask) { r.Name = "photos-nas-b" }, control.CodeTaskExists},
			"there already":        {func(r *control.AddTask) { r.Share = "photos" }, control.CodeTaskExists},
		} {
			req := good
			c.change(&req)
			if _, err := a.addTask(a.ctx(), req); err == nil || control.AsError(err).Code != c.code {
				t.Errorf("%s: error is %v, want %s", name, err, c.code)
			}
		}
		b.halt()
		time.Sleep(time.Second)
		_, err := a.addTask(a.ctx(), good)
		wantCode(t, err, control.CodePeerUnreachable)
		b.start()
	})
}
