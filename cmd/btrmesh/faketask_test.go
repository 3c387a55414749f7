package main

import (
	"context"
	"time"

	"btrmesh/mesh/control"
)

// vmProgress is the run that goes on in the samples.
func vmProgress() control.Progress {
	return control.Progress{
		Task: "vm-nas-b", Run: 412, Share: "vm", Target: "nas-b", State: control.StateSending, Kind: "incremental", DoneBytes: *size(39.28, gib),
		EstimateBytes: size(64, gib), BytesPerSecond: new(float64(105 * mib)), ResumableBytes: size(39.2, gib),
	}
}

func sampleTasks() []control.Task {
	vm := vmProgress()
	return []control.Task{
		{
			Name: "photos-nas-b", Share: "photos", Pool: "tank", Target: "nas-b", TargetPool: "tank", EverySeconds: 300, Enabled: true, LagSeconds: new(124.0),
			State: control.StateOK, NextAt: sampleTime.Add(176 * time.Second), Last: &control.LastRun{Run: 88, Result: control.ResultOK, At: before(124 * time.Second)},
		},
		{
			Name: "vm-nas-b", Share: "vm", Pool: "tank", Target: "nas-b", TargetPool: "tank", EverySeconds: 3600, Enabled: true, LagSeconds: new(3960.0),
			State: control.StateSending, Progress: &vm, Last: &control.LastRun{Run: 411, Result: control.ResultOK, At: before(59 * time.Minute)},
		},
		{
			Name: "photos-nas-c", Share: "photos", Pool: "tank", Target: "nas-c", TargetPool: "vault", EverySeconds: 3600, Enabled: true, LagSeconds: new(13200.0),
			State: control.StateLate, Reason: "nas-c is offline", NextAt: sampleTime.Add(250 * time.Second),
			Last: &control.LastRun{Run: 7, Result: control.ResultFailed, Reason: "nas-c unreachable", At: before(5 * time.Minute)},
		},
		{
			Name: "old-nas-b", Share: "old", Pool: "tank", Target: "nas-b", TargetPool: "tank", EverySeconds: 86400, LagSeconds: new(12 * 86400.0), State: control.StateDisabled,
			ChangedAt: time.Date(2026, 11, 11, 10, 0, 0, 0, time.UTC), Last: &control.LastRun{Run: 3, Result: control.ResultOK, At: before(12 * 24 * time.Hour)},
		},
	}
}

func (f *fake) tasks(_ context.Context, r control.TasksRequest) ([]control.Task, error) {
	if r.Late {
		return nil, nil
	}
	if r.Enabled {
		return pacedTasks(), nil
	}
	return sampleTasks(), nil
}

// named returns a sample task, by its name in full or a prefix.
func named(given string) (control.Task, error) {
	if err := errorRow(given); err != nil {
		return control.Task{}, err
	}
	var names []string
	all := append(sampleTasks(), pacedTasks()...)
	for _, t := range all {
		names = append(names, t.Name)
	}
	name, err := control.Resolve("task", given, names)
	for _, t := range all {
		if t.Name == name {
			return t, nil
		}
	}
	return control.Task{}, err
}

func (f *fake) task(_ context.Context, r control.TaskRequest) (control.Task, error) {
	t, err := named(r.Task)
	t.KeepSource, t.KeepTarget = 2, "last=24,daily=7,weekly=4"
	if t.Name == "paced-vm" {
		t.Streams = &control.Streams{
			MetaOutBytes: *size(18.4, 1024), MetaInBytes: *size(6.2, 1024), DataOutBytes: *size(25.6, gib), Lanes: 2, Transport: "tcp", Codec: "zstd", Ratio: new(1.54),
			LanesReplaced: 3, LanesReason: "tcp: carried 3.1 times as much as quic (0.9 % loss)", WireBytes: *size(26, gib), Chunks: &control.Chunks{Raw: 100, Fastest: 20, Default: 3},
		}
	}
	if t.Name != "vm-nas-b" {
		return t, err
	}
	t.Base = "20261123T090000Z"
	t.Streams = &control.Streams{MetaOutBytes: *size(18.4, 1024), MetaInBytes: *size(6.2, 1024), DataOutBytes: *size(25.6, gib), Lanes: 2, Transport: "quic", Codec: "zstd", Ratio: new(1.54)}
	t.Replica, t.ReplicaPath = "vm@nas-a", "/mnt2/tank/.btrmesh/replicas/nas-a/vm/latest"
	return t, nil
}

func (f *fake) addTask(_ context.Context, r control.AddTask) (control.TaskChange, error) {
	for _, name := range []string{r.Share, r.To, r.Pool} {
		if err := errorRow(name); err != nil {
			return control.TaskChange{}, err
		}
	}
	t := sampleTasks()[0]
	t.Window = r.Window
	t.Share, t.EverySeconds = r.Share, r.EverySeconds
	if !r.DryRun {
		return control.TaskChange{Task: &t}, nil
	}
	p := &control.Plan{
		Would: "add task photos-nas-b",
		Task: &control.TaskPreview{
			Name: "photos-nas-b", Share: "photos", Pool: "tank", ReferencedBytes: size(64, gib), Source: "nas-a", Target: "nas-b", TargetPool: "tank", FreeBytes: size(2.1, tib),
			Granted: true, QuotaBytes: size(2, tib), EverySeconds: r.EverySeconds, KeepSource: 2, KeepTarget: "last=24,daily=7,weekly=4", Pace: r.Pace, FirstKind: "full", EstimateBytes: size(64, gib), Starts: "at once",
		},
		Actions: []control.Action{
			{Do: control.ActionCreate, Kind: "snapshot", Subject: "photos on nas-a"},
			{Do: control.ActionFull, Kind: "replica", Subject: "photos@nas-a on nas-b", Note: "read-only, visible after the first run"},
		},
	}
	if r.Share == "huge" {
		p.Refused = control.NoSpace("nas-b", "tank", *size(40.1, gib), 64*gib, 5)
	}
	return control.TaskChange{Plan: p}, nil
}

func (f *fake) enable(_ context.Context, r control.EnableTask) (control.TaskChange, error) {
	t, err := named(r.Task)
	if err != nil {
		return control.TaskChange{}, err
	}
	if r.DryRun {
		return control.TaskChange{Plan: &control.Plan{Would: "enable task " + t.Name}}, nil
	}
	return control.TaskChange{Task: &t, Unchanged: t.Enabled}, nil
}

func (f *fake) disable(_ context.Context, r control.DisableTask) (control.TaskChange, error) {
	t, err := named(r.Task)
	if err != nil {
		return control.TaskChange{}, err
	}
	if r.DryRun {
		return control.TaskChange{Plan: &control.Plan{Would: "disable task " + t.Name}}, nil
	}
	change := control.TaskChange{Task: &t, Cancelled: r.Now, Unchanged: !t.Enabled}
	if t.Progress != nil {
		change.Run = t.Progress.Run
	}
	return change, nil
}

func (f *fake) cancel(_ context.Context, r control.CancelTask) (control.TaskChange, error) {
	t, err := named(r.Task)
	if err != nil {
		return control.TaskChange{}, err
	}
	if t.Progress == nil {
		return control.TaskChange{}, control.NotRunning(t.Name)
	}
	return control.TaskChange{Task: &t, Run: t.Progress.Run, Cancelled: true}, nil
}

// The runs that can be followed, by number.
const (
	runOK        = 88
	runUnchanged = 89
	runFailed    = 90
	runEndless   = 91
	runCancelled = 92
	runPaused    = 93
)

// run numbers: the sample tasks in their order get those of the consts above.
func (f *fake) run(_ context.Context, r control.RunTask) (control.RunStarted, error) {
	special := map[string]uint64{"unchanged": runUnchanged, "failing": runFailed, "endless": runEndless, "cancelled": runCancelled}
	if n := special[r.Task]; n != 0 {
		return control.RunStarted{Task: r.Task, Run: n}, nil
	}
	t, err := named(r.Task)
	switch {
	case err != nil:
		return control.RunStarted{}, err
	case !t.Enabled:
		return control.RunStarted{}, control.TaskDisabled(t.Name)
	case t.State == control.StatePaused:
		return control.RunStarted{Task: t.Name, Run: runPaused, Waiting: "paused until 22:00", Cure: "btrmesh task edit " + t.Name + " --window off"}, nil
	case t.Progress != nil:
		return control.RunStarted{Task: t.Name, Run: t.Progress.Run, Already: true}, nil
	case t.State == control.StateLate:
		return control.RunStarted{Task: t.Name, Run: 8, Waiting: "waits for nas-c"}, nil
	}
	return control.RunStarted{Task: t.Name, Run: runOK}, nil
}

// follow tells of a run of 64 GiB: the documented moments, then its end.
func (f *fake) follow(ctx context.Context, r control.FollowRun, send func(control.Progress) error) error {
	start := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	p := control.Progress{Task: r.Task, Run: r.Run, Share: "photos", Target: "nas-b", State: control.StateSending, Kind: "full", EstimateBytes: size(64, gib), BytesPerSecond: new(float64(103 * mib))}
	for _, done := range []float64{0, 3, 6, 43.008} {
		f.clock.Store(start.Add(time.Duration(done/3*30) * time.Second).Unix())
		p.DoneBytes = *size(done, gib)
		if err := send(p); err != nil {
			return err
		}
	}
	if r.Run == runEndless {
		<-ctx.Done()
		return ctx.Err()
	}
	result := sampleResult(r)
	p.Result = &result
	return send(p)
}

func sampleResult(r control.FollowRun) control.Run {
	run := control.Run{
		Number: r.Run, Task: r.Task, Kind: "full", SentBytes: *size(64.1, gib), DataBytes: *size(41.7, gib), MetaBytes: *size(21.3, 1024), TookSeconds: new(638.0),
		BytesPerSecond: new(float64(103 * mib)), Result: control.ResultOK,
	}
	switch r.Run {
	case runUnchanged:
		return control.Run{Number: r.Run, Task: r.Task, TookSeconds: new(0.008), MetaBytes: 921, Result: control.ResultUnchanged}
	case runFailed:
		run.Result, run.Error = control.ResultFailed, control.NoSpace("nas-b", "tank", *size(40.1, gib), 64*gib, 5)
	case runPaused:
		run.Result, run.Reason = control.ResultPaused, "until 22:00, when its window opens"
	case runCancelled:
		run.Result = control.ResultCancelled
	}
	return run
}

func (f *fake) history(_ context.Context, r control.TaskHistory) ([]control.Run, error) {
	t, err := named(r.Task)
	if err != nil || t.Name == "old-nas-b" {
		return nil, err
	}
	at := func(hour int) time.Time { return time.Date(2026, 11, 23, hour, 0, 0, 0, time.UTC) }
	vm := vmProgress()
	if t.Name == "paced-photos" {
		lanes := func(n int64, kind string) *control.Streams { return &control.Streams{Lanes: n, Transport: kind} }
		wait := control.Progress{Task: t.Name, Run: 12, State: control.StateWaiting, Reason: "nas-b: pool tank receives 4 runs already, a, b, c, d (4 at a time)"}
		return []control.Run{
			{Number: 12, Task: t.Name, StartedAt: at(10), Result: control.ResultRunning, Progress: &wait},
			{Number: 11, Task: t.Name, Snapshot: "20261123T070000Z", StartedAt: at(9), TookSeconds: new(432.0), Kind: "full", SentBytes: *size(24.8, gib), DataBytes: *size(16.1, gib), MetaBytes: 19 << 10, ResumedBytes: *size(39.2, gib), BytesPerSecond: new(float64(59 * mib)), Result: control.ResultOK, Streams: lanes(2, "tcp")},
			{Number: 10, Task: t.Name, Snapshot: "20261123T070000Z", StartedAt: at(7), TookSeconds: new(3600.0), Kind: "full", SentBytes: *size(39.2, gib), DataBytes: *size(25.4, gib), MetaBytes: 19 << 10, Result: control.ResultPaused, Reason: "until 22:00, when its window opens", MadeUpBy: 11, Streams: lanes(4, "quic")},
		}, nil
	}
	runs := []control.Run{
		{Number: 412, Task: t.Name, Snapshot: "20261123T100000Z", StartedAt: at(10), Kind: "incremental", SentBytes: *size(39.28, gib), DataBytes: *size(25.6, gib), MetaBytes: *size(18.4, 1024), Result: control.ResultRunning, Progress: &vm},
		{Number: 411, Task: t.Name, Snapshot: "20261123T090000Z", StartedAt: at(9), TookSeconds: new(432.0), Kind: "incremental", SentBytes: *size(41, gib), DataBytes: *size(26.9, gib), MetaBytes: 19 << 10, BytesPerSecond: new(float64(97 * mib)), Result: control.ResultOK},
		{Number: 410, Task: t.Name, StartedAt: at(8), TookSeconds: new(0.008), MetaBytes: 921, Result: control.ResultUnchanged},
		{Number: 409, Task: t.Name, Snapshot: "20261123T070000Z", StartedAt: at(7), TookSeconds: new(12.0), Kind: "incremental", Result: control.ResultFailed, Reason: "nas-b unreachable", MadeUpBy: 410},
	}
	return runs[:min(int64(len(runs)), r.Limit)], nil
}
