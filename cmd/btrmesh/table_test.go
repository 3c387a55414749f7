package main

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// sampleTable has a wide column, a number, and letters of several bytes.
func sampleTable() *table {
	t := &table{columns: columns("NAME", ">SIZE", "=ID", "NOTE")}
	t.add(true, word("größte"), word("10.0 TiB"), word("QH3T6YP"), word("a note that is longer than the rest of the line"))
	t.add(false, word("b"), word("1 B"), word("Z4MDK7Q"), word(""))
	return t
}

// printed returns a table as a terminal of a width shows it.
func printed(t *testing.T, tab *table, width int) string {
	t.Helper()
	var b strings.Builder
	if err := tab.print(screen{w: &b, terminal: true, width: width}, true); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTableIsSetByRunesAndShortensItsWidestText(t *testing.T) {
	want := "" +
		"    NAME        SIZE  ID       NOTE\n" +
		"  * größte  10.0 TiB  QH3T6YP  a note that is longer than t…\n" +
		"    b            1 B  Z4MDK7Q  -\n"
	if got := printed(t, sampleTable(), 60); got != want {
		t.Errorf("table is\n%swant\n%s", got, want)
	}
	if got := printed(t, sampleTable(), 200); strings.Contains(got, "…") {
		t.Errorf("wide table is shortened:\n%s", got)
	}
}

func TestTableFitsWhereItCan(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		tab := &table{columns: columns("A", ">B", "C")}
		for range rapid.IntRange(1, 5).Draw(rt, "rows") {
			text := rapid.StringMatching(`[a-zä]{0,60}`)
			tab.add(false, word(text.Draw(rt, "a")), word(rapid.StringMatching(`[0-9]{1,8}`).Draw(rt, "b")), word(text.Draw(rt, "c")))
		}
		var b strings.Builder
		if err := tab.print(screen{w: &b, width: 40}, true); err != nil {
			rt.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 40 {
				rt.Fatalf("line of %d: %q", n, line)
			}
		}
	})
}

func TestForeignTextStaysInItsCell(t *testing.T) {
	tab := &table{columns: columns("NAME", "NOTE")}
	tab.add(false, word("a\tb"), word("c\nd\x1b[2J"))
	var b strings.Builder
	if err := tab.tsv(&b, true); err != nil {
		t.Fatal(err)
	}
	if want := "name\tnote\na b\tc d [2J\n"; b.String() != want {
		t.Errorf("TSV is %q", b.String())
	}
	if got := printed(t, tab, 80); strings.ContainsAny(got, "\x1b\t") {
		t.Errorf("table is %q", got)
	}
}

func TestColourIsForTerminalsUnlessToldOtherwise(t *testing.T) {
	for _, c := range []struct {
		name, noColor, force, term string
		terminal, plain, want      bool
	}{
		{"a terminal", "", "", "xterm", true, false, true},
		{"a pipe", "", "", "xterm", false, false, false},
		{"NO_COLOR", "1", "", "xterm", true, false, false},
		{"a dumb terminal", "", "", "dumb", true, false, false},
		{"--no-color", "", "1", "xterm", true, true, false},
		{"CLICOLOR_FORCE", "", "1", "dumb", false, false, true},
		{"CLICOLOR_FORCE=0", "", "0", "xterm", false, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("NO_COLOR", c.noColor)
			t.Setenv("CLICOLOR_FORCE", c.force)
			t.Setenv("TERM", c.term)
			if got := wantsColour(c.terminal, c.plain); got != c.want {
				t.Errorf("colour is %v", got)
			}
		})
	}
}
