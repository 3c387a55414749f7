//go:build race

package stream

import "testing"

// raced: the race detector makes all eight times slower.
const raced = true

// unraced leaves out a test that moves much or floods: test/run has all of them
// without the race detector.
func unraced(t *testing.T) {
	t.Helper()
	t.Skip("moves much: it runs without the race detector, see test/run")
}
