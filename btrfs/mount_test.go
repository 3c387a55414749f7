package btrfs

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMountTableIsRead(t *testing.T) {
	table, err := parseMountTable(strings.NewReader(strings.Join([]string{
		`22 1 0:20 / /proc rw,relatime - proc proc rw`,
		`40 22 0:31 /@home /mnt/my\040pool rw shared:1 master:2 - btrfs /dev/sd\134a rw,subvolid=256,subvol=/@home`,
		`41 22 0:32 / /m rw - btrfs /dev/sdb rw,subvolid=5,subvol=/`,
		`42 22 0:33 / /x rw - btrfs /dev/sdc rw,subvolid=-1`,
	}, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	want := []mountEntry{
		{22, "/proc", "proc", "proc", 0},
		{40, "/mnt/my pool", "btrfs", `/dev/sd\a`, 256},
		{41, "/m", "btrfs", "/dev/sdb", 5},
		{42, "/x", "btrfs", "/dev/sdc", 0},
	}
	if diff := cmp.Diff(want, table, cmp.AllowUnexported(mountEntry{})); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

func TestMountTableWithABrokenLineIsRefused(t *testing.T) {
	for _, line := range []string{
		"", "22 1 0:20 / /proc rw,relatime", "x 1 0:20 / /proc rw - proc proc rw", "22 1 0:20 - proc proc rw",
		"22 1 0:20 / /proc rw - proc",
	} {
		if _, err := parseMountTable(strings.NewReader(line + "\n")); err == nil {
			t.Errorf("%q was read", line)
		}
	}
}

func TestEscapesOfTheMountTableAreUndone(t *testing.T) {
	for in, want := range map[string]string{
		`a\040b\011c\012d\134e`: "a b\tc\nd\\e", `a\`: `a\`, `a\04`: `a\04`, `a\999`: `a\999`, `\777`: `\777`, "": "",
	} {
		if got := unescapeMount(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestTopLevelMountStandsForItsFileSystem(t *testing.T) {
	a, b := UUID{1}, UUID{2}
	mounts := []Mount{
		{Path: "/short", UUID: b, SubvolumeID: 300},
		{Path: "/z", UUID: a, SubvolumeID: 256},
		{Path: "/mnt/long/top", UUID: a, SubvolumeID: 5},
		{Path: "/much/longer", UUID: b, SubvolumeID: 256},
		{Path: "/mnt/long/top/again", UUID: a, SubvolumeID: 5},
	}
	var got []string
	for _, m := range onePerFileSystem(mounts) {
		got = append(got, m.Path)
	}
	if want := []string{"/mnt/long/top", "/short"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
