package main

import (
	"io"
	"strings"
	"unicode/utf8"

	"btrmesh/mesh/control"
)

// align is how a column is set and whether it may be shortened.
type align uint8

const (
	flexible align = 0 // left, shortened when the terminal is narrow
	left     align = 1
	right    align = 2
)

// column is the head of a column.
type column struct {
	title string
	align align
}

// cell is one value, for a person and for a program.
type cell struct {
	text string // with units
	raw  string // without
	tone tone
}

// row is a line of a table; mark says that it is about this appliance.
type row struct {
	mark  bool
	cells []cell
}

// table is what a list prints.
type table struct {
	columns []column
	rows    []row
}

// add appends a row.
func (t *table) add(mark bool, cells ...cell) { t.rows = append(t.rows, row{mark, cells}) }

// minColumn is the least a column is shortened to.
const minColumn = 6

// print writes the table for a person: columns set by runes, two spaces
// between them, the widest flexible one shortened to the screen.
func (t *table) print(s screen, header bool) error {
	widths := t.widths()
	if s.width > 0 {
		t.shrink(widths, s.width)
	}
	var b strings.Builder
	if header {
		titles := make([]cell, len(t.columns))
		for i, c := range t.columns {
			titles[i].text = c.title
		}
		t.line(&b, s, "    ", titles, widths)
	}
	for _, r := range t.rows {
		indent := "    "
		if r.mark {
			indent = "  * "
		}
		t.line(&b, s, indent, r.cells, widths)
	}
	_, err := io.WriteString(s.w, b.String())
	return err
}

// widths returns the columns' widths in runes.
func (t *table) widths() []int {
	widths := make([]int, len(t.columns))
	for i, c := range t.columns {
		widths[i] = utf8.RuneCountInString(c.title)
		for _, r := range t.rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(r.cells[i].text))
		}
	}
	return widths
}

// shrink takes from the widest flexible column, again and again, until the
// table fits or none has more to give.
func (t *table) shrink(widths []int, screen int) {
	const indent, gap = 4, 2
	total := indent - gap
	for _, w := range widths {
		total += w + gap
	}
	for ; total > screen; total-- {
		widest := -1
		for i, c := range t.columns {
			if c.align == flexible && widths[i] > minColumn && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		widths[widest]--
	}
}

// line writes one line without trailing spaces.
func (t *table) line(b *strings.Builder, s screen, indent string, cells []cell, widths []int) {
	var line strings.Builder
	line.WriteString(indent)
	for i, c := range cells {
		text := shorten(control.Plain(c.text), widths[i])
		pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text))
		if t.columns[i].align == right {
			line.WriteString(pad)
			pad = ""
		}
		line.WriteString(s.paint(c.tone, text))
		if i < len(cells)-1 {
			line.WriteString(pad + "  ")
		}
	}
	b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
}

// shorten cuts text to width runes, the last of which says that it was cut.
func shorten(text string, width int) string {
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	return string([]rune(text)[:width-1]) + "…"
}

// tsv writes the table for a program: a lower-case header, tabs, nothing
// shortened.
func (t *table) tsv(w io.Writer, header bool) error {
	var b strings.Builder
	if header {
		titles := make([]string, len(t.columns))
		for i, c := range t.columns {
			titles[i] = strings.ReplaceAll(strings.ToLower(c.title), " ", "_")
		}
		b.WriteString(strings.Join(titles, "\t") + "\n")
	}
	for _, r := range t.rows {
		values := make([]string, len(r.cells))
		for i, c := range r.cells {
			values[i] = control.Plain(c.raw)
		}
		b.WriteString(strings.Join(values, "\t") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// list prints an answer that is a table, in the form that was asked for. empty
// is the sentence for a list without items.
func (s *session) list(raw []byte, t *table, empty string) error {
	if s.json {
		return s.raw(raw)
	}
	if len(t.rows) == 0 {
		if err := s.note("%s", empty); err != nil || s.out.terminal {
			return err
		}
	}
	if s.out.terminal {
		return t.print(s.out, !s.noHeader)
	}
	return t.tsv(s.out.w, !s.noHeader)
}

// columns makes columns of titles: one that begins with ">" is set right, one
// with "=" left and in full, any other may be shortened.
func columns(titles ...string) []column {
	list := make([]column, 0, len(titles))
	for _, title := range titles {
		switch {
		case strings.HasPrefix(title, ">"):
			list = append(list, column{title[1:], right})
		case strings.HasPrefix(title, "="):
			list = append(list, column{title[1:], left})
		default:
			list = append(list, column{title, flexible})
		}
	}
	return list
}

// block prints lines as they are, for a screen that is no table.
func (s *session) block(lines ...string) error {
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(control.Plain(line) + "\n")
	}
	_, err := io.WriteString(s.out.w, b.String())
	return err
}
