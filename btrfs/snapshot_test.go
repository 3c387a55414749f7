package btrfs

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSnapshotIsNamedAfterTheSecondThenTheMillisecond(t *testing.T) {
	at := time.Date(2026, 11, 23, 11, 0, 0, 998_700_000, time.FixedZone("CET", 3600))
	var got []string
	for name, when := range snapshotNames(at) {
		got = append(got, name)
		if parsed, ok := parseSnapshotName(name); !ok || !parsed.Equal(when) {
			t.Errorf("%s is read as %v, not %v", name, parsed, when)
		}
		if len(got) == 4 {
			break
		}
	}
	want := []string{"20261123T100000Z", "20261123T100000.998Z", "20261123T100000.999Z", "20261123T100001.001Z"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

func TestOtherNamesAreNoSnapshots(t *testing.T) {
	for _, name := range []string{
		"", "mine", "20261123T100000", "20261123T100000.5Z", "20261123T100000.1234Z", "20261323T100000Z", "20261123T100000Z/x",
		"20261123T100000+01:00", "20261123t100000z",
	} {
		if at, ok := parseSnapshotName(name); ok {
			t.Errorf("%q was read as %v", name, at)
		}
	}
}

func TestNamesAreSingleComponents(t *testing.T) {
	for _, name := range []string{"", ".", "..", "a/b", "/", "a\x00", string(make([]byte, 256))} {
		if checkName(name) == nil {
			t.Errorf("%q passed", name)
		}
	}
	for _, name := range []string{"a", "...", ".a", "a b", "\xff\n"} {
		if err := checkName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}
