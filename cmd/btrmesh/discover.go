package main

import (
	"time"

	"btrmesh/mesh/control"
)

// How long appliances on the network are waited for, unless told.
const (
	discoverTime     = 3 * time.Second
	longestDiscovery = 30 * time.Second
)

// runPairDiscover takes --timeout for the time of the search; the daemon has as
// long as ever on top.
func runPairDiscover(s *session) error {
	search := discoverTime
	if d := duration(s.line, "timeout"); d > 0 {
		search = min(max(d, time.Second), longestDiscovery)
	}
	client := control.NewClient(s.text("socket"), search+defaultTimeout)
	a, err := client.Discover(s.ctx, control.DiscoverRequest{TimeoutSeconds: int64(search / time.Second)})
	if err != nil {
		return err
	}
	t := &table{columns: columns("NAME", "=ID", "ADDRESS", "=MESH")}
	for _, d := range a.Value {
		t.add(false, word(d.Name), shortID(d.ID), word(d.Address), word(meshText(d.Mesh)))
	}
	if len(a.Value) > 0 && !s.json {
		if err := s.note("These are claims of whoever is on this network. Compare the ID when you pair."); err != nil {
			return err
		}
	}
	return s.list(a.Raw, t, "No appliance announces itself on this network. Pairing needs no announcement: btrmesh pair join CODE --at HOST")
}

// meshText says which mesh an appliance claims to be in.
func meshText(mesh string) string {
	switch mesh {
	case control.ThisMesh:
		return "this one"
	case control.AnotherMesh:
		return "another"
	case control.NoMesh:
		return "none yet"
	}
	return mesh
}
