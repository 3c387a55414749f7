package control_test

import (
	"testing"

	"btrmesh/mesh/control"
)

func TestNamesResolveByUniquePrefix(t *testing.T) {
	names := []string{"photos-nas-b", "photos-nas-c", "vm", "vm-nas-b"}
	for given, want := range map[string]string{"vm": "vm", "vm-": "vm-nas-b", "photos-nas-c": "photos-nas-c"} {
		if got, err := control.Resolve("task", given, names); err != nil || got != want {
			t.Errorf("%q is %q, %v, want %q", given, got, err, want)
		}
	}
}

func TestAmbiguousNameListsTheCandidates(t *testing.T) {
	_, err := control.Resolve("task", "photos", []string{"photos-nas-c", "vm", "photos-nas-b"})
	e := wantCode(t, err, control.CodeAmbiguous)
	if e.Exit != 2 || len(e.Facts) != 1 || e.Facts[0] != "photos-nas-b, photos-nas-c" {
		t.Errorf("error is %+v", e)
	}
}

func TestUnknownNameExitsWithFive(t *testing.T) {
	for _, c := range []struct{ kind, given, code, msg string }{
		{"task", "vn-nas-b", control.CodeTaskNotFound, `there is no task "vn-nas-b". Did you mean vm-nas-b?`},
		{"task", "quite-else", control.CodeTaskNotFound, `there is no task "quite-else".`},
		{"appliance", "nas-d", control.CodeApplianceNotFound, "nas-d is not a known appliance."},
	} {
		_, err := control.Resolve(c.kind, c.given, []string{"vm-nas-b"})
		if e := wantCode(t, err, c.code); e.Msg != c.msg || e.Exit != 5 {
			t.Errorf("error is %+v, want %q", e, c.msg)
		}
	}
	_, err := control.Resolve("task", "", []string{"vm"})
	wantCode(t, err, control.CodeUsage)
}

func TestNearestAllowsOneSlipInThreeLetters(t *testing.T) {
	names := []string{"task", "share", "pool", "every", "photos"}
	for given, want := range map[string]string{
		"tsak": "task", "evry": "every", "photo": "photos", "frob": "", "x": "", "": "",
	} {
		if got := control.Nearest(given, names); got != want {
			t.Errorf("nearest to %q is %q, want %q", given, got, want)
		}
	}
}
