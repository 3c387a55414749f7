package btrfstest

import (
	"slices"
	"testing"
)

func TestAMoveOfADirectoryMovesWhatIsBelowAndNothingElse(t *testing.T) {
	m := &mutator{nodes: []node{{path: "a"}, {path: "a/x"}, {path: "ab"}, {path: "b/a"}}}
	m.moved("a", "c/d")
	if got, want := paths(m), []string{"c/d", "c/d/x", "ab", "b/a"}; !slices.Equal(got, want) {
		t.Errorf("moved: %q, want %q", got, want)
	}
	m.drop("c/d")
	if got, want := paths(m), []string{"ab", "b/a"}; !slices.Equal(got, want) {
		t.Errorf("dropped: %q, want %q", got, want)
	}
}

func TestAMoveThatMakesPathsTooLongDoesNotFit(t *testing.T) {
	m := &mutator{nodes: []node{{path: "a"}, {path: "a/" + string(make([]byte, longestPath-2))}}}
	if !m.fits("a", "b") || m.fits("a", "bc") {
		t.Errorf("fits(b) %v, fits(bc) %v; want true, false", m.fits("a", "b"), m.fits("a", "bc"))
	}
}

func paths(m *mutator) []string {
	var list []string
	for _, n := range m.nodes {
		list = append(list, n.path)
	}
	return list
}
