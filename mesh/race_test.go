//go:build race

package mesh

// raced: the race detector makes all eight times slower.
const raced = true
