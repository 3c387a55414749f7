package btrfstest

import "testing"

func TestFillWritesTheSameTreeForASeed(t *testing.T) {
	var sums [3]string
	for i, seed := range []uint64{7, 7, 8} {
		dir := t.TempDir()
		if err := Fill(dir, 250, 1, 1000, seed); err != nil {
			t.Fatal(err)
		}
		if err := flatten(dir); err != nil {
			t.Fatal(err)
		}
		tree := mustDigest(t, dir)
		if tree.Len() != 1+3+250 {
			t.Errorf("%d paths, want 254", tree.Len())
		}
		sums[i] = tree.Sum()
	}
	if sums[0] != sums[1] || sums[0] == sums[2] {
		t.Errorf("sums %q", sums)
	}
}
