package mesh

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"btrmesh/certs"
	"btrmesh/mesh/control"
)

const (
	// surveyTime is how long a question to the whole mesh waits for answers: a
	// screen has to stand within two seconds.
	surveyTime = 1800 * time.Millisecond
	// surveyWidth bounds the members that are asked at one time.
	surveyWidth = 32
)

// memory is what each member told last, for the time when it does not answer.
// Safe for concurrent use.
type memory struct {
	mu   sync.Mutex
	told map[memoryKey]told
}

type memoryKey struct {
	peer    certs.ID
	section section
}

type told struct {
	items any // []T of the section
	at    time.Time
}

func newMemory() *memory { return &memory{told: map[memoryKey]told{}} }

func (m *memory) put(peer certs.ID, s section, items any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.told[memoryKey{peer, s}] = told{items: items, at: time.Now().UTC()}
}

func (m *memory) get(peer certs.ID, s section) told {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.told[memoryKey{peer, s}]
}

// forget drops what a removed member told.
func (m *memory) forget(peer certs.ID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key := range m.told {
		if key.peer == peer {
			delete(m.told, key)
		}
	}
}

// heard is what one member says to a survey: now, or earlier if at is not zero.
type heard[T any] struct {
	name  string
	items []T
	at    time.Time
}

// survey asks members for a section, all at once, and returns by name what they
// say, or said last. Those who are silent are noted in the answer made under ctx.
func survey[T any](ctx context.Context, n *Node, asked []certs.Member, req sectionRequest) []heard[T] {
	ctx, cancel := context.WithTimeout(ctx, surveyTime)
	defer cancel()
	all := make([]heard[T], len(asked))
	var g errgroup.Group
	g.SetLimit(surveyWidth)
	for i, m := range asked {
		g.Go(func() error {
			all[i] = hear[T](ctx, n, m, req)
			return nil
		})
	}
	_ = g.Wait() // hear reports by what it returns
	slices.SortStableFunc(all, func(a, b heard[T]) int { return cmp.Compare(a.name, b.name) })
	return all
}

// hear asks one member. Who is known to be offline is not waited for. Runs are
// asked for with a filter, so they are not remembered.
func hear[T any](ctx context.Context, n *Node, m certs.Member, req sectionRequest) heard[T] {
	h := heard[T]{name: m.Name}
	why := control.Offline
	if n.peers.get(m.ID).online {
		items, err := fetch[T](ctx, n, m.ID, req)
		if err == nil {
			if req.Section != sectionHistory {
				n.memory.put(m.ID, req.Section, items)
			}
			h.items = items
			return h
		}
		why = silentBecause(ctx, err)
		n.log.Debug("member not heard", "peer", m.Name, "section", req.Section, "err", err)
	}
	last := n.memory.get(m.ID, req.Section)
	if items, ok := last.items.([]T); ok {
		h.items, h.at = items, last.at
	}
	control.NoteSilence(ctx, control.Silence{Appliance: m.Name, Reason: why, AsOf: h.at})
	return h
}

func silentBecause(ctx context.Context, err error) string {
	if ctx.Err() != nil {
		return "no answer within 2s"
	}
	return err.Error()
}
