package gossip

import (
	"slices"

	"btrmesh/certs"
)

// side is a direction in the ring.
type side int

const (
	after  side = 0
	before side = 1
)

// ringSize is how many members a ring takes, self too. With fewer, memberlist's
// probes come round often enough.
const ringSize = 6

// neighbour returns who is next to self in the ring that it forms with others,
// ordered by ID; zero: there are too few. It reorders others.
func neighbour(self certs.ID, others []certs.ID, s side) certs.ID {
	n := len(others)
	if n+1 < ringSize {
		return certs.ID{}
	}
	slices.SortFunc(others, certs.ID.Compare)
	next, _ := slices.BinarySearchFunc(others, self, certs.ID.Compare)
	if s == before {
		next += n - 1
	}
	return others[next%n]
}
