package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"btrmesh/certs"
)

// TestPlan reads a line "plan [service=off] [max=N] [per-peer=N] [per-pool=N]" and
// one line for each task:
//
//	NAME [peer=P] [pool=P] [every=5m] [started=-2m] [fresh=-2m] [created=-1h]
//	[failed=N try=30s error=TEXT [lost ended=-1m back=-1s]] [busy=TEXT try=30s]
//	[replicated] [took=1m] [limit=N] [window=W] [outside=N]
//	[running] [disabled] [requested] [no-pool] [no-share]
//
// Times are relative to now, noon of a Monday. Unless told, a task goes from pool
// tank to nas-b every 5 minutes, was created an hour ago and never started.
func TestPlan(t *testing.T) {
	runText(t, "testdata/plan.txt", func(t *testing.T, lines []string) string {
		t.Helper()
		_, args := words(lines[0])
		v := View{ServiceOn: args["service"] != "off", MaxRunning: number(t, args["max"]), MaxPerPeer: number(t, args["per-peer"]), MaxPerPool: number(t, args["per-pool"])}
		for _, line := range lines[1:] {
			v.Tasks = append(v.Tasks, taskOf(t, line))
		}
		return stepsText(Plan(v, noon))
	})
}

func taskOf(t *testing.T, line string) Task {
	t.Helper()
	name, args := words(line)
	is := func(flag string) bool { _, ok := args[flag]; return ok }
	relative := func(key string) time.Time {
		if !is(key) {
			return time.Time{}
		}
		return noon.Add(duration(t, args[key]))
	}
	task := Task{
		Name: name, Share: "photos", PoolName: "tank", PeerName: "nas-b", Every: 5 * time.Minute,
		Enabled: !is("disabled"), Running: is("running"), Requested: is("requested"), PoolPresent: !is("no-pool"),
		PeerRemoved: is("removed"), ShareFound: !is("no-share"), Created: noon.Add(-time.Hour), LastStart: relative("started"),
		FreshAt: relative("fresh"), Failures: number(t, args["failed"]), NextTry: relative("try"),
		LastError: strings.ReplaceAll(args["error"], "_", " "), Busy: strings.ReplaceAll(args["busy"], "_", " "),
		Lost: is("lost"), LastEnd: relative("ended"), PeerBack: relative("back"), Replicated: is("replicated"),
		Hours: Hours{Limit: int64(number(t, args["limit"])), Outside: int64(number(t, args["outside"]))},
	}
	if is("window") {
		task.Hours.Window = window(t, args["window"])
	}
	if is("pool") {
		task.PoolName = args["pool"]
	}
	if is("took") {
		task.Took = duration(t, args["took"])
	}
	if is("peer") {
		task.PeerName = args["peer"]
	}
	if is("every") {
		task.Every = duration(t, args["every"])
	}
	if is("created") {
		task.Created = relative("created")
	}
	copy(task.Peer[:], task.PeerName)
	return task
}

func duration(t *testing.T, text string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func number(t *testing.T, text string) int {
	t.Helper()
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func stepsText(steps []Step) string {
	var b strings.Builder
	for _, s := range steps {
		until := ""
		if !s.Until.IsZero() {
			until = " until " + s.Until.Format("15:04:05")
		}
		if s.Limit > 0 {
			until += fmt.Sprintf(" at %d", s.Limit)
		}
		fmt.Fprintf(&b, "%v %s%s: %s\n", s.Kind, s.Task, until, s.Reason)
	}
	return b.String()
}

func views() *rapid.Generator[View] {
	moment := rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.Bool().Draw(t, "never") {
			return time.Time{}
		}
		return noon.Add(time.Duration(rapid.IntRange(-7200, 7200).Draw(t, "seconds")) * time.Second)
	})
	often := rapid.Map(rapid.IntRange(0, 9), func(n int) bool { return n > 0 })
	task := rapid.Custom(func(t *rapid.T) Task {
		return Task{
			Name: rapid.StringMatching("[a-z]{4}").Draw(t, "name"), Peer: certs.ID{rapid.ByteRange(1, 3).Draw(t, "peer")},
			Every: time.Duration(rapid.IntRange(-1, 4000).Draw(t, "every")) * time.Second, Enabled: often.Draw(t, "enabled"),
			Running: !often.Draw(t, "idle"), Requested: !often.Draw(t, "unrequested"), PoolPresent: often.Draw(t, "pool"), PeerRemoved: !often.Draw(t, "member"),
			ShareFound: often.Draw(t, "share"), Created: moment.Draw(t, "created"), LastStart: moment.Draw(t, "started"),
			FreshAt: moment.Draw(t, "fresh"), Failures: rapid.IntRange(0, 2).Draw(t, "failures"), NextTry: moment.Draw(t, "try"),
			Lost: often.Draw(t, "lost"), LastEnd: moment.Draw(t, "ended"), PeerBack: moment.Draw(t, "back"), Busy: rapid.SampledFrom([]string{"", "", "busy"}).Draw(t, "busy"),
			PoolName: rapid.SampledFrom([]string{"tank", "vault"}).Draw(t, "pool name"), Replicated: often.Draw(t, "replicated"),
			Took: rapid.SampledFrom([]time.Duration{time.Second, time.Hour}).Draw(t, "took"),
		}
	})
	return rapid.Custom(func(t *rapid.T) View {
		return View{
			ServiceOn:  often.Draw(t, "service"),
			Tasks:      rapid.SliceOfNDistinct(task, 0, 10, func(t Task) string { return t.Name }).Draw(t, "tasks"),
			MaxRunning: rapid.IntRange(0, 4).Draw(t, "max"),
			MaxPerPeer: rapid.IntRange(0, 3).Draw(t, "per peer"),
			MaxPerPool: rapid.IntRange(0, 3).Draw(t, "per pool"),
		}
	})
}

func TestPlanHasOneStepWithAReasonForEachTask(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		v := views().Draw(rt, "view")
		var want, got []string
		for _, task := range v.Tasks {
			want = append(want, task.Name)
		}
		for _, s := range Plan(v, noon) {
			got = append(got, s.Task)
			if s.Reason == "" || (s.Kind != Wait && s.Kind != Pause && !s.Until.IsZero()) || (!s.Until.IsZero() && !s.Until.After(noon)) {
				rt.Errorf("step %+v", s)
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Error(diff)
		}
	})
}

func TestPlanStartsNothingItMayNot(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		v := views().Draw(rt, "view")
		for _, s := range Plan(v, noon) {
			task := v.named(s.Task)
			if s.Kind == Start && (task.Running || !task.Enabled || !v.ServiceOn || !task.PoolPresent || !task.ShareFound || task.PeerRemoved) {
				rt.Errorf("starts %+v", task)
			}
		}
	})
}

func (v View) named(task string) Task {
	return v.Tasks[slices.IndexFunc(v.Tasks, func(t Task) bool { return t.Name == task })]
}

// sharing are the limits of v, each with what tells whether a task counts.
func (v View) sharing(t Task) map[int]func(Task) bool {
	return map[int]func(Task) bool{
		v.MaxRunning:          func(Task) bool { return true },
		1000 + v.MaxPerPeer:   func(o Task) bool { return o.Peer == t.Peer },
		100000 + v.MaxPerPool: func(o Task) bool { return o.PoolName == t.PoolName },
	}
}

// TestPlanKeepsToItsLimits: a start leaves no more than the limit running, or one
// more if it is short and all others are long.
func TestPlanKeepsToItsLimits(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		v := views().Draw(rt, "view")
		running := slices.DeleteFunc(slices.Clone(v.Tasks), func(t Task) bool { return !t.Running })
		for _, s := range Plan(v, noon) {
			if s.Kind != Start {
				continue
			}
			task := v.named(s.Task)
			for limit, counts := range v.sharing(task) {
				limit %= 1000
				n, long := 0, 0
				for _, o := range running {
					if counts(o) {
						n++
						if o.long(noon) {
							long++
						}
					}
				}
				if limit > 0 && n >= limit && (task.long(noon) || n > limit || long < n) {
					rt.Errorf("starts %s beside %d runs, %d of them long, where %d are allowed", s.Task, n, long, limit)
				}
			}
			running = append(running, task)
		}
	})
}

// TestTheMostOverdueStartsFirst: of two tasks that need the same slots, the one
// that starts is not less urgent than the one that waits.
func TestTheMostOverdueStartsFirst(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		v := views().Draw(rt, "view")
		var started []Task
		for _, s := range Plan(v, noon) {
			task := v.named(s.Task)
			if s.Kind == Start {
				started = append(started, task)
			}
			for _, o := range started {
				same := o.Peer == task.Peer && o.PoolName == task.PoolName && o.long(noon) == task.long(noon)
				if strings.Contains(s.Reason, "in line") && same && task.compareUrgency(o, noon) < 0 {
					rt.Errorf("%s starts before %s", o.Name, task.Name)
				}
			}
		}
	})
}

// TestNoTaskStandsStillForLongerThanItsPeriod holds for any stored times, also
// those of a clock that has since been set back by years.
func TestNoTaskStandsStillForLongerThanItsPeriod(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		v := views().Draw(rt, "view")
		years := rapid.IntRange(-60, 60).Draw(rt, "years")
		now := noon.AddDate(years, 0, 0)
		for _, s := range Plan(v, now) {
			i := slices.IndexFunc(v.Tasks, func(t Task) bool { return t.Name == s.Task })
			if longest := v.Tasks[i].every(); s.Until.Sub(now) > longest && !s.Until.IsZero() {
				rt.Errorf("%s waits %v, period %v", s.Task, s.Until.Sub(now), longest)
			}
		}
	})
}

// TestRoomIsNeverLeftWhileATaskIsDue: what waits without a time waits for a full
// appliance, a full peer, or one of the states that hold it.
func TestRoomIsNeverLeftWhileATaskIsDue(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		v := views().Draw(rt, "view")
		v.MaxRunning, v.MaxPerPeer, v.MaxPerPool = 0, 0, 0
		for _, s := range Plan(v, noon) {
			if strings.HasPrefix(s.Reason, "waits for") {
				rt.Errorf("%+v without any limit", s)
			}
		}
	})
}
