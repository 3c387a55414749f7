package gossip

import (
	"sync"
	"time"

	"btrmesh/certs"
)

// State is what the mesh thinks of a member.
type State int

// The states a member can be in. A member that said goodbye is Dead.
const (
	Unknown State = 0 // no member, or never heard of since the start
	Alive   State = 1
	Suspect State = 2 // alive for the mesh, but this appliance's last probe got nothing from it
	Dead    State = 3
)

// String returns the state as one lower-case word.
func (s State) String() string {
	switch s {
	case Alive:
		return "alive"
	case Suspect:
		return "suspect"
	case Dead:
		return "dead"
	default:
		return "unknown"
	}
}

// Liveness is the state of a member and since when it is so. The zero value is
// Unknown.
type Liveness struct {
	State State
	Since time.Time
}

// Answers reports whether the member is Alive or Suspect.
func (l Liveness) Answers() bool { return l.State == Alive || l.State == Suspect }

// roll holds the liveness of all members, and who changed since it was last
// asked. Safe for concurrent use; its methods never block, since memberlist
// calls some under its lock.
type roll struct {
	news chan struct{} // something is in changed

	mu      sync.Mutex
	members map[certs.ID]Liveness
	heard   map[certs.ID]time.Time // when the last packet came, since it last died
	changed map[certs.ID]bool
}

func newRoll() *roll {
	return &roll{
		news:    make(chan struct{}, 1),
		members: make(map[certs.ID]Liveness),
		heard:   make(map[certs.ID]time.Time),
		changed: make(map[certs.ID]bool),
	}
}

// become notes that a member is in state s. What came from it before it died says
// nothing of how it is reached now.
func (r *roll) become(id certs.ID, s State) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s == Dead {
		delete(r.heard, id)
	}
	r.enter(id, s)
}

// doubt makes an Alive member Suspect, if nothing came from it since asked.
func (r *roll) doubt(id certs.ID, asked time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.members[id].State == Alive && r.heard[id].Before(asked) {
		r.enter(id, Suspect)
	}
}

// hear notes that a packet of a member came. That makes a Suspect one Alive,
// but not a Dead one: whether it can hear us is open.
func (r *roll) hear(id certs.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.heard[id] = time.Now()
	if r.members[id].State == Suspect {
		r.enter(id, Alive)
	}
}

// enter is called with mu held.
func (r *roll) enter(id certs.ID, s State) {
	if r.members[id].State == s {
		return
	}
	r.members[id] = Liveness{State: s, Since: time.Now().UTC()}
	r.changed[id] = true
	wake(r.news)
}

// forget makes a member Unknown, without telling anyone.
func (r *roll) forget(id certs.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.members, id)
	delete(r.heard, id)
	delete(r.changed, id)
}

// lastHeard returns when the last packet of a member came; zero: none did since it
// last died.
func (r *roll) lastHeard(id certs.ID) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.heard[id]
}

func (r *roll) of(id certs.ID) Liveness {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.members[id]
}

// take returns who changed since the last call.
func (r *roll) take() map[certs.ID]Liveness {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make(map[certs.ID]Liveness, len(r.changed))
	for id := range r.changed {
		out[id] = r.members[id]
	}
	clear(r.changed)
	return out
}

// wake leaves a note in a channel of one place.
func wake(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
