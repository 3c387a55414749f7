package stream

import (
	"testing"
	"time"
)

func TestGovernorWeighsWhatIsAhead(t *testing.T) {
	fresh, full := func(*governor) {}, backlog{ahead: 7, behind: 1, rested: true}
	cases := map[string]struct {
		before func(*governor)
		b      backlog
		want   level
	}{
		"the first chunk of all":              {fresh, backlog{idle: true}, levelFastest},
		"idle lanes and chunks behind":        {fresh, backlog{behind: 3, idle: true}, levelRaw},
		"one chunk ahead":                     {fresh, backlog{ahead: 1, behind: 3}, levelFastest},
		"everything ahead":                    {fresh, full, levelFastest},
		"everything ahead for long":           {func(g *governor) { repeat(g, steady-1, full) }, full, levelDefault},
		"nearly everything ahead for long":    {func(g *governor) { repeat(g, steady, full) }, backlog{ahead: 5, rested: true}, levelDefault},
		"no rest after long":                  {func(g *governor) { repeat(g, steady, full) }, backlog{ahead: 7, behind: 1}, levelFastest},
		"everything ahead for long, no rest":  {func(g *governor) { repeat(g, steady, backlog{ahead: 7}) }, full, levelFastest},
		"less ahead after long":               {func(g *governor) { repeat(g, steady, full) }, backlog{ahead: 4, rested: true}, levelFastest},
		"everything ahead again":              {func(g *governor) { repeat(g, steady, full); g.choose(backlog{ahead: 4}) }, full, levelFastest},
		"lanes fell idle once":                {starved(1), backlog{ahead: 1, behind: 3}, levelRaw},
		"lanes fell idle once, more ahead":    {starved(1), backlog{ahead: 2, behind: 3}, levelFastest},
		"lanes always fall idle":              {starved(20), full, levelRaw},
		"lanes always fall idle, slow source": {starved(20), backlog{ahead: 1}, levelRaw},
		"a probe":                             {func(g *governor) { starved(20)(g); repeat(g, probeEvery-1, full) }, full, levelFastest},
		"no probe while lanes are idle":       {func(g *governor) { starved(20)(g); repeat(g, probeEvery-1, full) }, backlog{behind: 1, idle: true}, levelRaw},
		"a probe that paid":                   {func(g *governor) { starved(20)(g); calm(g, 1) }, full, levelFastest},
		"a probe that paid, less ahead":       {func(g *governor) { starved(20)(g); calm(g, 1) }, backlog{ahead: 6, behind: 1}, levelRaw},
		"calm chunks after it":                {func(g *governor) { starved(20)(g); calm(g, 1+patience) }, backlog{ahead: 6, behind: 1}, levelFastest},
		"one calm chunk too few":              {func(g *governor) { starved(20)(g); calm(g, patience) }, backlog{ahead: 6, behind: 1}, levelRaw},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			g := newGovernor(7)
			c.before(g)
			if got := g.choose(c.b); got != c.want {
				t.Errorf("level %d, want %d: %+v", got, c.want, g)
			}
		})
	}
}

func repeat(g *governor, n int, b backlog) {
	for range n {
		g.choose(b)
	}
}

func calm(g *governor, n int) {
	for range n {
		g.compressed(levelFastest, backlog{ahead: 1})
	}
}

func starved(n int) func(*governor) {
	return func(g *governor) {
		for range n {
			g.compressed(levelFastest, backlog{behind: 1, idle: true})
		}
	}
}

func TestGovernorKeepsItsReserveInBounds(t *testing.T) {
	g := newGovernor(7)
	starved(100)(g)
	if got := g.reserve[levelFastest]; got != 8 {
		t.Errorf("starving raised the reserve to %d", got)
	}
	calm(g, 100*patience)
	if got := g.reserve; got != g.floors() {
		t.Errorf("calm left the reserves at %v", got)
	}
	g.compressed(levelDefault, backlog{behind: 1, idle: true})
	if got := g.reserve; got != [levels]int{0, 1, 6} {
		t.Errorf("default changed the reserves to %v", got)
	}
}

func TestWorkersAreRestedAfterWaitingThreeTimesAsLong(t *testing.T) {
	var e effort
	for range 100 {
		e.add(effort{work: time.Millisecond, rest: 4 * time.Millisecond})
	}
	if !e.rested() {
		t.Errorf("not rested: %+v", e)
	}
	for n := 1; e.rested(); n++ { // a processor that others need too
		if e.add(effort{work: 4 * time.Millisecond, rest: 4 * time.Millisecond}); n > 16 {
			t.Fatalf("rested after %d chunks: %+v", n, e)
		}
	}
}
