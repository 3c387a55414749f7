//go:build race

package gossip

// raced: the race detector makes all ten times slower.
const raced = true
