package btrfstest

import (
	"fmt"
	"strings"
	"testing"
)

func treeOf(lines ...string) Tree {
	var t Tree
	for _, line := range lines {
		path, _, _ := strings.Cut(line, " ")
		t.entries = append(t.entries, entry{path, line})
	}
	return t
}

func TestDiffNamesWhatChangedWhatIsMissingAndWhatIsNew(t *testing.T) {
	a := treeOf(". d", "changed 1", "gone x", "same y")
	b := treeOf(". d", "changed 2", "new z", "same y")
	want := "- changed 1\n+ changed 2\n- gone x\n+ new z\n"
	if got := Diff(a, b); got != want {
		t.Errorf("Diff:\n%swant:\n%s", got, want)
	}
	if a.Sum() == b.Sum() {
		t.Error("different trees have one sum")
	}
}

func TestDiffOfEqualTreesIsEmpty(t *testing.T) {
	a, b := treeOf(". d", "x 1"), treeOf(". d", "x 1")
	if Diff(a, b) != "" || a.Sum() != b.Sum() {
		t.Errorf("equal trees differ: %s", Diff(a, b))
	}
}

func TestDiffIsBounded(t *testing.T) {
	var lines []string
	for i := range 100 {
		lines = append(lines, fmt.Sprintf("f%d x", i))
	}
	got := Diff(Tree{}, treeOf(lines...))
	if strings.Count(got, "\n") != diffLines+1 || !strings.HasSuffix(got, "(80 more)\n") {
		t.Errorf("Diff of 100 new paths:\n%s", got)
	}
}
