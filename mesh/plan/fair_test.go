package plan

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"btrmesh/certs"
)

// simulated is a task whose runs take as long as they are told to.
type simulated struct {
	Task
	first, later time.Duration
	ends         time.Time
	runs         int
	waited       time.Duration // the longest from due to start
}

func simulatedTasks(rt *rapid.T) []*simulated {
	n := rapid.IntRange(1, 8).Draw(rt, "tasks")
	var list []*simulated
	for i := range n {
		first := rapid.SampledFrom([]time.Duration{time.Second, time.Minute, time.Hour}).Draw(rt, "first")
		list = append(list, &simulated{first: first, later: 2 * time.Second, Task: Task{
			Name: string(rune('a' + i)), PoolName: rapid.SampledFrom([]string{"tank", "vault"}).Draw(rt, "pool"), Peer: certs.ID{rapid.ByteRange(1, 3).Draw(rt, "peer")},
			Every: rapid.SampledFrom([]time.Duration{5 * time.Minute, time.Hour, 24 * time.Hour}).Draw(rt, "every"), Enabled: true, PoolPresent: true, ShareFound: true,
			Created: noon,
		}})
	}
	return list
}

// step lets runs end and others start at now.
func (v View) step(list []*simulated, now time.Time) {
	v.Tasks = nil
	for _, s := range list {
		if s.Running && !now.Before(s.ends) {
			s.Running, s.Replicated, s.FreshAt = false, true, s.LastStart
		}
		v.Tasks = append(v.Tasks, s.Task)
	}
	for _, step := range Plan(v, now) {
		for _, s := range list {
			if s.Name != step.Task || step.Kind != Start {
				continue
			}
			s.waited = max(s.waited, min(now.Sub(s.due(now).at), now.Sub(s.ends)))
			took := s.later
			if s.runs++; s.runs == 1 {
				took, s.waited = s.first, 0
			}
			s.Running, s.LastStart, s.ends = true, now, now.Add(took)
		}
	}
}

// TestEverybodyHasATurn: with first runs of an hour among them, each task runs in the
// end, and one whose differences are small waits minutes at the most (here each takes a step of a minute).
func TestEverybodyHasATurn(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		list := simulatedTasks(rt)
		v := View{ServiceOn: true, MaxRunning: 4, MaxPerPeer: 2, MaxPerPool: 3}
		for now := noon; now.Before(noon.Add(9 * time.Hour)); now = now.Add(time.Minute) {
			v.step(list, now)
		}
		for _, s := range list {
			if s.runs == 0 {
				rt.Errorf("%s never ran", s.Name)
			}
			if s.runs > 1 && s.waited > 10*time.Minute {
				rt.Errorf("%s waited for %v", s.Name, s.waited)
			}
		}
	})
}
