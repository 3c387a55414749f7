package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestFlagsComeBeforeArguments(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"1 flags first", "task add --to nas-b --every 300 photos", "task add --to nas-b --every 300 -- photos"},
		{"2 flags last", "task add photos --to nas-b --every 300", "task add --to nas-b --every 300 -- photos"},
		{"3 both sides", "task add --to nas-b photos --every 300", "task add --to nas-b --every 300 -- photos"},
		{"4 a flag between two arguments", "pool allow tank --quota 2T nas-a", "pool allow --quota 2T -- tank nas-a"},
		{"5 a boolean flag does not eat the next", "pool allow tank --dry-run nas-a", "pool allow --dry-run -- tank nas-a"},
		{"6 flag=value after the argument", "task add photos --to=nas-b", "task add --to=nas-b -- photos"},
		{"7 short alias with value", "task history vm -n 4", "task history -n 4 -- vm"},
		{"8 repeated flag", "pool allow tank nas-a --share a --share b", "pool allow --share a --share b -- tank nas-a"},
		{"9 arguments that look like flags", "task show -- --odd-name", "task show -- --odd-name"},
		{"10 lone dash", "pair join - --at h", "pair join --at h -- -"},
		{"13 common flag before the group", "--json task list", "task list --json"},
		{"13 common flag with value before the group", "--socket s task list", "task list --socket s"},
		{"14 unknown flag last", "task list --bogus", "task list --bogus"},
		{"15 help last", "task show x --help", "task show --help"},
		{"16 completion line", "task add --to --generate-bash-completion", "task add --to --generate-bash-completion"},
		{"17 group alone", "task", "task"},
		{"17 group with a common flag", "task --json", "task"},
		{"18 argument like another group", "task show pool", "task show -- pool"},
		{"value that is a dash", "pair join c --at -", "pair join --at - -- c"},
		{"boolean with value", "task list --json=false", "task list --json=false"},
		{"version flag", "--version --json", "version --json"},
		{"unknown command", "tsak --json", "-- tsak"},
		{"argument equal to a child", "task list list", "task list -- list"},
		{"nothing", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := reorder(newApp(nil), append([]string{"btrmesh"}, strings.Fields(c.in)...))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Fields("btrmesh "+c.want), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFlagWithoutItsValueIsRefused(t *testing.T) {
	for name, line := range map[string]string{
		"11 missing last value":        "task add photos --to",
		"12 value looks like a flag":   "task add photos --to --every 300",
		"value is the end of flags":    "task add --to -- photos",
		"common flag before the group": "--socket --json task list",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := reorder(newApp(nil), append([]string{"btrmesh"}, strings.Fields(line)...))
			if err == nil || !strings.HasSuffix(err.Error(), "needs a value.") {
				t.Errorf("error is %v", err)
			}
		})
	}
}

func TestAnyOrderOfFlagsAndArgumentsParsesAlike(t *testing.T) {
	groups := [][]string{{"--quota", "2T"}, {"--share", "a,b"}, {"--dry-run"}, {"--json"}, {"--min-keep=30d"}, {"-q"}}
	arguments := []string{"tank", "nas-a"}
	rapid.Check(t, func(rt *rapid.T) {
		order := rapid.Permutation(groups).Draw(rt, "flags")
		line := []string{"btrmesh", "pool", "allow"}
		left := arguments
		for _, flag := range order {
			for len(left) > 0 && rapid.Bool().Draw(rt, "argument first") {
				line, left = append(line, left[0]), left[1:]
			}
			line = append(line, flag...)
		}
		line = append(line, left...)
		got, err := reorder(newApp(nil), line)
		if err != nil {
			rt.Fatal(err)
		}
		want := []string{"btrmesh", "pool", "allow"}
		for _, flag := range order {
			want = append(want, flag...)
		}
		want = append(want, "--", "tank", "nas-a")
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatal(diff)
		}
	})
}
