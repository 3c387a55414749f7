package control

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
)

// Silence is an appliance that did not answer, in an answer about several.
type Silence struct {
	Appliance string    `json:"appliance"`
	Reason    string    `json:"reason,omitempty"` // "offline", "no answer within 2s"
	AsOf      time.Time `json:"as_of,omitzero"`   // when what is shown of it was so; zero: nothing is shown
}

// silencesKey is the context key of an answer's silences.
type silencesKey struct{}

// silences are those of one answer. They are safe for concurrent use.
type silences struct {
	mu   sync.Mutex
	list []Silence
}

// withSilences returns a context in which silences can be noted.
func withSilences(ctx context.Context) (context.Context, *silences) {
	s := new(silences)
	return context.WithValue(ctx, silencesKey{}, s), s
}

// NoteSilence adds a silence to the head of the answer that is made under ctx,
// the context of a handler. It is safe for concurrent use; under any other
// context it does nothing.
func NoteSilence(ctx context.Context, one Silence) {
	s, ok := ctx.Value(silencesKey{}).(*silences)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, one)
}

// all returns what was noted, by name, each appliance once.
func (s *silences) all() []Silence {
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.SortStableFunc(s.list, func(a, b Silence) int { return strings.Compare(a.Appliance, b.Appliance) })
	return slices.CompactFunc(s.list, func(a, b Silence) bool { return a.Appliance == b.Appliance })
}
