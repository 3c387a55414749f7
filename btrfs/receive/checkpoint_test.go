package receive

import (
	"strings"
	"testing"

	"btrmesh/btrfs"
	"btrmesh/btrfs/sendstream"
)

func someCheckpoint() Checkpoint {
	return Checkpoint{
		At:       sendstream.Position{Meta: 3, DataEnd: 4096, File: 7, Bytes: 9000, Fingerprint: sendstream.Fingerprint{1, 2}},
		Identity: Identity{CTransID: 77, Parent: btrfs.UUID{5}},
	}
}

func TestCheckpointIsReadFromItsName(t *testing.T) {
	for _, parent := range []btrfs.UUID{{}, {5}} {
		want := someCheckpoint()
		want.Parent = parent
		want.name = checkpointName(want.At, want.Identity)
		if len(want.name) > maxComponent {
			t.Errorf("%q does not fit into a directory", want.name)
		}
		if have, ok := parseCheckpoint(want.name); !ok || have != want {
			t.Errorf("%q is read as %+v, %v", want.name, have, ok)
		}
	}
}

func TestOtherNamesAreNoCheckpoints(t *testing.T) {
	c := someCheckpoint()
	good, atStart := checkpointName(c.At, c.Identity), checkpointName(sendstream.Position{}, c.Identity)
	for _, name := range []string{
		"", "ck-", "data", "snapshot.json", good[1:], good + "0", good[:len(good)-1], strings.ToUpper(good), atStart,
		strings.Replace(good, "ck-", "ck_", 1), strings.Replace(good, "-000000000000004d-", "-+00000000000004d-", 1),
		strings.Replace(good, "-000000000000004d-", "-4d-", 1), strings.Replace(good, "-000000000000004d-", "--00000000000004d-", 1),
	} {
		if c, ok := parseCheckpoint(name); ok {
			t.Errorf("%q is read as %+v", name, c)
		}
	}
}

func TestStagingNamesAreToldFromOthers(t *testing.T) {
	id := strings.Repeat("A", maxID)
	name := stagingName(id, strings.Repeat("share", 50), btrfs.UUID{1})
	if len(name) > maxComponent {
		t.Errorf("%q does not fit into a directory", name)
	}
	for _, good := range []string{name, stagingName("7QK4D2M", "", btrfs.UUID{})} {
		if !isStagingName(good) {
			t.Errorf("%q is not taken for a staging directory", good)
		}
	}
	for _, bad := range []string{
		"", "deleted-ABC", "7QK4D2M-12", name + "0", name[:len(name)-1], "A" + name, name[maxID:], strings.Replace(name, "-", "_", 1),
		strings.ToUpper(name), strings.Replace(name, "A", "/", 1),
	} {
		if isStagingName(bad) {
			t.Errorf("%q is taken for a staging directory", bad)
		}
	}
	if stagingName("7QK4D2M", "a", btrfs.UUID{1}) == stagingName("7QK4D2M", "b", btrfs.UUID{1}) {
		t.Error("two shares have one directory")
	}
}

func FuzzCheckpointName(f *testing.F) {
	c := someCheckpoint()
	f.Add(checkpointName(c.At, c.Identity))
	f.Fuzz(func(t *testing.T, name string) {
		if c, ok := parseCheckpoint(name); ok && checkpointName(c.At, c.Identity) != name {
			t.Fatalf("%q is read as %+v", name, c)
		}
	})
}
