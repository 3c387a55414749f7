package control

import (
	"os"
	"testing"
)

func TestAccessFollowsTheAccount(t *testing.T) {
	const nobodyKnown = 4_000_000_000 // a uid and gid of no account
	for name, c := range map[string]struct {
		peer Peer
		want Access
	}{
		"root":           {Peer{UID: 0, GID: nobodyKnown}, Change},
		"a stranger":     {Peer{UID: nobodyKnown, GID: nobodyKnown}, NoAccess},
		"a root's group": {Peer{UID: nobodyKnown, GID: 0}, NoAccess},
	} {
		if got := groupAccess(c.peer); got != c.want {
			t.Errorf("%s gets %d, want %d", name, got, c.want)
		}
	}
	own := Peer{UID: uint32(os.Geteuid()), GID: nobodyKnown}
	if got := groupAccess(own); got < Read {
		t.Errorf("the daemon's own user gets %d", got)
	}
}

func TestGroupsAreLookedUpByName(t *testing.T) {
	if !inGroup(Peer{UID: 4_000_000_000, GID: 0}, "root") {
		t.Error("a process of group root is not in it")
	}
	if inGroup(Peer{UID: 0, GID: 0}, "no-such-group-here") {
		t.Error("root is in a group that does not exist")
	}
}
