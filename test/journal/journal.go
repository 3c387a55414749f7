// Package journal shows what daemons under test have logged, once a test has failed.
package journal

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// lines is how many of a log are shown: more would hide what failed.
const lines = 60

// Show prints the last lines of a log if tb has failed. They go past tb, which
// keeps its own lines until it ends: the failure is then the last thing to be read.
// With -v it comes first.
func Show(tb testing.TB, name, log string) {
	tb.Helper()
	if tb.Failed() {
		_, _ = fmt.Fprintf(os.Stdout, "end of the log of %s in %s:\n%s\n", name, tb.Name(), tail(log, lines))
	}
}

// tail is the last n lines of text.
func tail(text string, n int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-n):], "\n")
}
