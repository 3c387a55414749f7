package main

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestSpreadIsMedianLeastAndMost(t *testing.T) {
	for _, c := range []struct {
		times []time.Duration
		want  string
	}{
		{nil, "-"},
		{[]time.Duration{time.Second}, "1.00 (1.00 to 1.00)"},
		{[]time.Duration{4 * time.Second, time.Second}, "2.50 (1.00 to 4.00)"},
		{[]time.Duration{9 * time.Second, time.Second, 2 * time.Second}, "2.00 (1.00 to 9.00)"},
	} {
		if got := spreadOf(c.times).String(); got != c.want {
			t.Errorf("%v: %s, want %s", c.times, got, c.want)
		}
	}
}

func TestRatioIsHowManyTimesFasterOursIs(t *testing.T) {
	stock, ours := spread{median: 3 * time.Second}, spread{median: 2 * time.Second}
	if got := ratio(stock, ours); got != "1.50" {
		t.Errorf("ratio is %s", got)
	}
	if got := ratio(spread{}, ours); got != "-" {
		t.Errorf("ratio to nothing is %s", got)
	}
}

func TestOneDataSetIsFoundByItsName(t *testing.T) {
	all := datasets(1, "/tree")
	for _, d := range all {
		got, err := selectDatasets(all, d.name)
		if err != nil || len(got) != 1 || got[0].name != d.name {
			t.Errorf("%s: %v, %v", d.name, got, err)
		}
	}
	if _, err := selectDatasets(all, "smal"); err == nil || !strings.Contains(err.Error(), "small-1%") {
		t.Errorf("error is %v", err)
	}
}

func TestLineThatIsWrongEndsWithTwo(t *testing.T) {
	for _, line := range []string{
		"", "send", "receive -runs 0", "receive -scale 2", "receive -scale 0", "receive small", "receive -bogus",
		"receive -loss 0", "wan -loss 1", "wan -scale 9",
	} {
		var out, errs strings.Builder
		if code := run(strings.Fields(line), &out, &errs); code != 2 || out.Len() > 0 || errs.Len() == 0 {
			t.Errorf("%q: exit is %d, output is %q and %q", line, code, out.String(), errs.String())
		}
	}
}

// count counts the entries below dir by kind.
func count(t *testing.T, dir string) (dirs, files, renamed int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil || path == dir:
		case e.IsDir():
			dirs++
		case strings.HasSuffix(path, ".renamed"):
			renamed++
		default:
			files++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return dirs, files, renamed
}

func TestTreeIsCopiedUntilItIsLargeEnoughAndThenChanged(t *testing.T) {
	tree, dir := t.TempDir(), t.TempDir()
	for _, name := range []string{"a/1", "a/2", "b/3"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(tree, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(tree, name), []byte("content of "+name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := copyTree(t.Context(), tree, dir, 601); err != nil { // 100 copies of 6 entries, the root among them
		t.Fatal(err)
	}
	if dirs, files, _ := count(t, dir); dirs != 301 || files != 300 {
		t.Errorf("there are %d directories and %d files", dirs, files)
	}
	if err := changeSome(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if _, files, renamed := count(t, dir); files != 299 || renamed != 1 {
		t.Errorf("%d files are renamed, %d are not", renamed, files)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := copyTree(ctx, tree, t.TempDir(), 10); err == nil {
		t.Error("it goes on after its end")
	}
}

func TestEmptyTreeIsNoTree(t *testing.T) {
	if err := copyTree(t.Context(), filepath.Join(t.TempDir(), "none"), t.TempDir(), 5); err == nil {
		t.Error("no error")
	}
}

func TestBytesSentAreFoundInTheCounters(t *testing.T) {
	const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 1 2 0 0 0 0 0 0 77 2 0 0 0 0 0 0
  eth0:123 2 0 0 0 0 0 0 456 2 0 0 0 0 0 0
`
	for device, want := range map[string]int64{"lo": 77, "eth0": 456} {
		if got, err := parseSent(text, device); err != nil || got != want {
			t.Errorf("%s: %d, %v", device, got, err)
		}
	}
	if _, err := parseSent(text, "eth"); err == nil {
		t.Error("counters of a device that is not there")
	}
}

func TestTimesOfThisProcessAndTheMachineAreRead(t *testing.T) {
	if _, err := processorTime([]int{os.Getpid()}); err != nil {
		t.Error(err)
	}
	if busy, err := machineTime(); err != nil || busy <= 0 {
		t.Errorf("the machine was busy for %v, %v", busy, err)
	}
	if _, err := sumTicks([]string{"1", "x"}, 0, 1); err == nil {
		t.Error("a time that is no number")
	}
}

func TestAPipelineSaysWhatFailed(t *testing.T) {
	if err := pipeline(exec.Command("echo", "one"), exec.Command("grep", "-q", "one")); err != nil {
		t.Error(err)
	}
	if err := pipeline(exec.Command("echo", "one"), exec.Command("false"), exec.Command("cat")); err == nil {
		t.Error("no error of a command in the middle")
	}
	if err := pipeline(exec.Command("echo", "one"), exec.Command("none-of-that-name")); err == nil {
		t.Error("no error of a command that is not there")
	}
}
