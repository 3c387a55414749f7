package btrfs

import (
	"slices"
	"strings"
	"testing"
)

func TestSwapFilesAreReadFromTheTable(t *testing.T) {
	paths, err := parseSwapTable(strings.NewReader("Filename\tType\tSize\tUsed\tPriority\n" +
		"/dev/sda2 partition 1 0 -2\n/mnt/my\\040pool/swap file 1 0 -3\nfile\n"))
	if want := []string{"/mnt/my pool/swap"}; err != nil || !slices.Equal(paths, want) {
		t.Errorf("swap files are %q (%v), want %q", paths, err, want)
	}
}

func TestWarningShowsThreeNames(t *testing.T) {
	for want, names := range map[string][]string{
		"":                       nil,
		"see a":                  {"a"},
		"see a, b, c":            {"a", "b", "c"},
		"see a, b, c and 2 more": {"a", "b", "c", "d", "e"},
	} {
		if got := strings.Join(warnEach(names, "see %s"), "|"); got != want {
			t.Errorf("%q become %q, want %q", names, got, want)
		}
	}
}
