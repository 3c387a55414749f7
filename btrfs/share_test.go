package btrfs

import "testing"

func TestShareNamesStayInThePool(t *testing.T) {
	for _, name := range []string{
		"", ".", "..", "../a", "a/../b", "a/..", "/a", "a/", "a//b", "./a", "a\x00", ".btrmesh", ".btrmesh/send",
	} {
		if checkShareName(name) == nil {
			t.Errorf("%q passed", name)
		}
	}
	for _, name := range []string{"a", "a/b", "..a", ".btrmesh2", "a/.btrmesh"} {
		if err := checkShareName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}
