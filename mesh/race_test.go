//go:build race

package mesh

// raced: the race detector makes all ten times slower.
const raced = true
