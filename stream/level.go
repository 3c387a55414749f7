package stream

// level is how hard a chunk is compressed. The zero value is not at all.
type level uint8

const (
	levelRaw     level = 0
	levelFastest level = 1 // zstd's, about 200 MB/s on one processor
	levelDefault level = 2 // zstd's, about 150 MB/s and a few percent smaller
	levels             = 3
)

const (
	patience   = 8               // chunks in a row that no lane waited for, before the reserve shrinks
	steady     = 32              // chunks in a row with enough ahead and time for default, before it is used
	probeEvery = 32              // chunks sent raw, before one is compressed to see whether that pays now
	mostDoubt  = 16 * probeEvery // chunks for which a slow source is not believed
)

// backlog is what lies before and behind a worker.
type backlog struct {
	ahead  int  // chunks that are ready or being sent
	behind int  // chunks that no worker has taken
	idle   bool // no lane is sending
	rested bool // the workers have time to spare
}

// governor chooses the level of each chunk so that neither the lanes nor the
// processors wait for the other: a chunk is compressed while the chunks ahead
// of it keep the lanes busy, else sent raw.
//
//	                                 steady chunks in a row
//	 ahead ≥ reserve[fastest]   ahead ≥ reserve[default], rested
//	raw ───────────────────→ fastest ────────────────────→ default
//	 ↑└─ each probeEvery ──────↑ │↑  less ahead, or not rested │
//	 │                           │└────────────────────────────┤
//	 └──────── less ahead ───────┴─────────────────────────────┘
//
// That the lanes are slow does not mean that there is processor time to spare:
// they may be slow for want of it. Default is therefore only for workers that
// rest most of the time.
//
// What is enough is learned, for each level alone, since it depends on the
// speeds of line, processor and disk:
//
//	the lanes fell idle while a chunk was compressed:  reserve + 1
//	they did not, patience times in a row or once
//	when there cannot be enough ahead:                 reserve − 1
//	floor ≤ reserve ≤ most+1: never enough, only probes
//
// When nothing is behind, the source is slower than the workers, and a chunk is
// compressed at fastest whatever is ahead: that costs no time. It may be slower
// than workers that pack raw alone: then the lanes fall idle, and for some chunks,
// each time twice as many, it is not believed.
//
// A governor has no clock. It is not safe for concurrent use.
type governor struct {
	most    int         // chunks that can be ahead, at least 3
	reserve [levels]int // chunks that must be ahead
	calm    [levels]int // chunks in a row during which the lanes were busy
	steady  int         // chunks in a row with enough ahead and time for default
	held    int         // chunks sent raw since the last probe
	doubt   int         // chunks for which a slow source was not believed, the last time
	doubts  int         // of them still to come
}

func newGovernor(most int) *governor {
	g := &governor{most: most}
	g.reserve = g.floors()
	return g
}

// floors is how little each level can do with. Default gains little: all must
// be ahead but what another worker and the writer hold.
func (g *governor) floors() [levels]int {
	return [levels]int{levelFastest: 1, levelDefault: g.most - 2}
}

// choose returns the level of the next chunk.
func (g *governor) choose(b backlog) level {
	g.doubts = max(g.doubts-1, 0)
	if !g.affords(b) {
		return g.probe(b)
	}
	if !b.rested || b.ahead < g.reserve[levelDefault] {
		g.steady = 0
	} else if g.steady = min(g.steady+1, steady); g.steady == steady {
		return levelDefault
	}
	return levelFastest
}

func (g *governor) affords(b backlog) bool {
	sourceIsSlow := b.behind == 0 && g.doubts == 0 && g.reserve[levelFastest] <= g.most
	return sourceIsSlow || b.ahead >= g.reserve[levelFastest]
}

// probe returns levelRaw but now and then, unless a lane waits.
func (g *governor) probe(b backlog) level {
	g.steady = 0
	if b.idle {
		return levelRaw
	}
	if g.held++; g.held < probeEvery {
		return levelRaw
	}
	g.held = 0
	return levelFastest
}

// compressed takes note of what lies around a worker after a chunk at l.
func (g *governor) compressed(l level, b backlog) {
	if b.idle && b.behind > 0 {
		g.calm[l], g.reserve[l] = 0, min(g.reserve[l]+1, g.most+1)
		if g.doubts == 0 {
			g.doubt = min(max(2*g.doubt, probeEvery), mostDoubt)
			g.doubts = g.doubt
		}
		return
	}
	if g.calm[l]++; g.calm[l] == patience || g.reserve[l] > g.most {
		g.calm[l], g.reserve[l] = 0, max(g.reserve[l]-1, g.floors()[l])
	}
}
