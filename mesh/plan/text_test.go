package plan

import (
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"btrmesh/btrfs"
)

var rewrite = flag.Bool("rewrite", false, "put the results into testdata, to be reviewed as a diff")

// noon is a Monday, the first day of an ISO week.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// runText runs the cases of a file. A case is one or more comment lines that
// begin with #, input lines, a line ----, the lines wanted; an empty line ends
// it. run turns the input lines into the result.
func runText(t *testing.T, path string, run func(t *testing.T, lines []string) string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var rewritten []string
	for block := range strings.SplitSeq(strings.TrimSpace(string(data)), "\n\n") {
		input, want, _ := strings.Cut(block+"\n", "----\n")
		lines := strings.Split(strings.TrimSpace(input), "\n")
		name := strings.TrimPrefix(lines[0], "# ")
		for len(lines) > 0 && strings.HasPrefix(lines[0], "#") {
			lines = lines[1:]
		}
		t.Run(name, func(t *testing.T) {
			got := strings.TrimLeft(strings.TrimRight(run(t, lines), "\n")+"\n", "\n")
			if diff := cmp.Diff(want, got); diff != "" && !*rewrite {
				t.Error(diff)
			}
			rewritten = append(rewritten, input+"----\n"+got)
		})
	}
	if *rewrite {
		if err := os.WriteFile(path, []byte(strings.Join(rewritten, "\n")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// words splits "name key=value flag" into the name and the rest; a flag has an
// empty value.
func words(line string) (string, map[string]string) {
	fields := strings.Fields(line)
	args := map[string]string{}
	for _, f := range fields[1:] {
		key, value, _ := strings.Cut(f, "=")
		args[key] = value
	}
	return fields[0], args
}

// uuidOf makes a UUID of a name.
func uuidOf(name string) btrfs.UUID {
	var u btrfs.UUID
	copy(u[:], name)
	return u
}
