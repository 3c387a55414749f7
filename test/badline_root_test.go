//go:build root

package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"btrmesh/test/shaper"
)

const megabit = 1_000_000 // bit/s

// badLines are lines that stay as they are for a run.
func badLines() []badLine {
	near := shaper.Profile{Delay: 10 * time.Millisecond, Rate: 100 * megabit}
	with := func(change func(p *shaper.Profile)) shaper.Profile {
		p := near
		change(&p)
		return p
	}
	return []badLine{
		{"50 ms", 8, with(func(p *shaper.Profile) { p.Delay = 25 * time.Millisecond })},
		{"200 ms", 8, with(func(p *shaper.Profile) { p.Delay = 100 * time.Millisecond })},
		{"loss of 0.1 %", 8, with(func(p *shaper.Profile) { p.Loss = 0.001 })},
		{"loss of 1 %", 4, with(func(p *shaper.Profile) { p.Loss = 0.01 })},
		{"loss of 5 %", 2, with(func(p *shaper.Profile) { p.Loss = 0.05 })},
		{"loss of 1 % in rows of 8", 4, with(func(p *shaper.Profile) { p.Loss, p.Burst = 0.01, 8 })},
		{"5 % reordered", 4, with(func(p *shaper.Profile) { p.Reorder = 0.05 })},
		{"1 % twice", 8, with(func(p *shaper.Profile) { p.Duplicate = 0.01 })},
		{"nothing above 1300 bytes", 4, with(func(p *shaper.Profile) { p.MaxSize = 1300 })},
		{"8 Mbit/s", 4, with(func(p *shaper.Profile) { p.Rate = 8 * megabit })},
	}
}

type badLine struct {
	name    string
	size    int // MiB, in the short form
	profile shaper.Profile
}

func TestARunEndsWellOverAnyLine(t *testing.T) {
	t.Parallel()
	s := newStretch(t)
	for _, line := range badLines() {
		s.shape(line.profile)
		fill(t, s.share, "big", line.size*inLongForm(1, 8)<<20)
		start := time.Now()
		s.a.must("task", "run", s.task, "--wait")
		t.Logf("%s: %d MiB in %v", line.name, line.size*inLongForm(1, 8), time.Since(start).Round(time.Millisecond))
		wantEqual(s.a, s.b, s.task, "photos")
	}
	for _, outcome := range outcomes(s.a, s.b, s.task, "photos@nas-a") {
		if !strings.HasSuffix(outcome, " ok") {
			t.Errorf("run %s: each is to go well the first time", outcome)
		}
	}
}

// thin is a line that makes a run of thinSize last for some seconds.
func thin() shaper.Profile { return shaper.Profile{Delay: 10 * time.Millisecond, Rate: 40 * megabit} }

const thinSize = 24 << 20

// amid begins a run over a thin line, lets something happen, and wants it done.
func amid(t *testing.T, limit time.Duration, happen func(s *stretch)) {
	t.Helper()
	s := newStretch(t)
	s.shape(thin())
	run := s.begin(thinSize)
	happen(s)
	s.wantDone(run, limit)
}

func TestARunGoesOnWhereLargePacketsBeginToVanish(t *testing.T) {
	t.Parallel()
	amid(t, 3*time.Minute, func(s *stretch) {
		p := thin()
		p.MaxSize = 1300
		s.shape(p)
	})
}

// outage lets nothing through for a while.
func outage(d time.Duration) func(s *stretch) {
	return func(s *stretch) {
		s.shape(shaper.Profile{Down: true})
		time.Sleep(d)
		s.shape(thin())
	}
}

func TestARunGoesOnAfterAnOutageOfSeconds(t *testing.T) {
	t.Parallel()
	amid(t, 2*time.Minute, outage(4*time.Second))
}

func TestARunGoesOnAfterAnOutageOfAMinute(t *testing.T) {
	longFormAlone(t)
	amid(t, 5*time.Minute, outage(time.Minute))
}

func TestARunGoesOnAfterAnOutageOfTenMinutes(t *testing.T) {
	longFormAlone(t)
	amid(t, 15*time.Minute, outage(10*time.Minute))
}

// longFormAlone is for tests that last too long for anything else.
func longFormAlone(t *testing.T) {
	t.Helper()
	if os.Getenv("BTRMESH_TEST_LONG") == "" {
		t.Skip("in the long form alone: test/run -long")
	}
	t.Parallel()
}

func TestARunGoesOnWhenTheTargetMoves(t *testing.T) {
	t.Parallel()
	amid(t, 3*time.Minute, func(s *stretch) {
		if err := s.MoveB(t.Context(), "10.78.0.22/24"); err != nil {
			t.Fatal(err)
		}
	})
}

func TestARunGoesOnWhenTheSourceMoves(t *testing.T) {
	t.Parallel()
	amid(t, 3*time.Minute, func(s *stretch) {
		if err := s.MoveA(t.Context(), "10.78.0.11/24"); err != nil {
			t.Fatal(err)
		}
	})
}

// killed ends a daemon over a line, once there is a checkpoint, for a while.
func killed(t *testing.T, victim func(s *stretch) *appliance, pause time.Duration) {
	t.Helper()
	s := newStretch(t)
	s.shape(shaper.Profile{Delay: 10 * time.Millisecond, Rate: 160 * megabit})
	run := s.begin(192 << 20)
	s.a.eventually(2*patience, "the target has a checkpoint", func() bool {
		found, err := filepath.Glob(filepath.Join(s.b.pool.Path(), ".btrmesh/incoming/*/ck-*"))
		return err == nil && len(found) > 0
	})
	v := victim(s)
	v.kill(syscall.SIGKILL)
	time.Sleep(pause)
	v.start()
	s.wantDone(run, 4*time.Minute)
}

func TestARunOverALineGoesOnAfterKill9OfTheTarget(t *testing.T) {
	t.Parallel()
	killed(t, func(s *stretch) *appliance { return s.b }, 0)
}

func TestARunOverALineGoesOnAfterKill9OfTheSource(t *testing.T) {
	longFormAlone(t)
	killed(t, func(s *stretch) *appliance { return s.a }, 0)
}

func TestARunOverALineGoesOnWhenTheTargetWasOffForAMinute(t *testing.T) {
	longFormAlone(t)
	killed(t, func(s *stretch) *appliance { return s.b }, time.Minute)
}

func TestARunOverALineGoesOnWhenTheSourceWasOffForAMinute(t *testing.T) {
	longFormAlone(t)
	killed(t, func(s *stretch) *appliance { return s.a }, time.Minute)
}

// mostResident is how much memory a daemon may ever have taken with four runs.
const mostResident = 300 << 20

func TestFourRunsAtOnceStayWithin300MB(t *testing.T) {
	t.Parallel()
	l := newMesh(t, 2)
	a, b := l.nodes[0], l.nodes[1]
	a.must("pool", "allow", "tank", b.name)
	ways := [][2]*appliance{{a, b}, {b, a}}
	size := inLongForm(64, 1024) << 20
	for i := range 2 {
		for _, way := range ways {
			from, to := way[0], way[1]
			share := fmt.Sprintf("share%d", i)
			mutate(t, from.share(share), uint64(i), 500)
			fill(t, filepath.Join(from.pool.Path(), share), "big", size)
			from.must("service", "off")
			from.must("task", "add", share, "--to", to.name, "--pool", "tank", "--every", "3600")
		}
	}
	a.must("service", "on")
	b.must("service", "on")
	for i := range 2 {
		for _, way := range ways {
			way[0].must("task", "run", fmt.Sprintf("share%d-%s", i, way[1].name), "--wait")
		}
	}
	for _, x := range l.nodes {
		top := x.mostResident()
		t.Logf("%s: %d MiB at most", x.name, top>>20)
		if top > mostResident {
			t.Errorf("%s took %d MiB, at most %d", x.name, top>>20, mostResident>>20)
		}
	}
}

// mostResident returns the bytes of memory the daemon had when it had most.
func (a *appliance) mostResident() int64 {
	a.t.Helper()
	for line := range strings.Lines(readText(a.t, fmt.Sprintf("/proc/%d/status", a.cmd.Process.Pid))) {
		if size, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			return number(a.t, strings.TrimSuffix(strings.TrimSpace(size), " kB")) << 10
		}
	}
	a.t.Fatal("no VmHWM")
	return 0
}
