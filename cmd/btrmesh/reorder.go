package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"btrmesh/mesh/control"
)

// completionFlag ends a line that a shell wants completed.
const completionFlag = "--generate-bash-completion"

// reorder returns args with the leaf's flags before its arguments, and the
// arguments behind "--", which is how the library reads them right. Flags that
// every leaf has may stand anywhere. It returns a usage error for a flag
// without its value.
func reorder(app *cli.App, args []string) ([]string, error) {
	if len(args) == 0 || args[len(args)-1] == completionFlag {
		return args, nil
	}
	w := walker{children: app.Commands, flags: commonFlags(), root: true}
	for rest := args[1:]; len(rest) > 0; {
		taken, err := w.take(rest)
		if err != nil {
			return nil, err
		}
		rest = rest[taken:]
	}
	return append([]string{args[0]}, w.line()...), nil
}

// walker goes along a line and down the command tree.
type walker struct {
	children []*cli.Command // that may follow; none at a leaf
	flags    []cli.Flag     // that are known here
	root     bool

	path      []string // the commands met
	common    []string // flags met above the leaf
	options   []string // flags met at the leaf, and unknown ones
	arguments []string
	help      bool
	lost      bool // a word was no command where one is needed
}

// take uses up one word or more of rest and returns how many.
func (w *walker) take(rest []string) (int, error) {
	word := rest[0]
	switch {
	case word == "--":
		w.arguments = append(w.arguments, rest[1:]...)
		return len(rest), nil
	case word == "-" || !strings.HasPrefix(word, "-"):
		w.word(word)
		return 1, nil
	case word == "-h" || word == "--help":
		w.help = true
		return 1, nil
	case word == "--version" && w.root:
		w.word("version")
		return 1, nil
	}
	return w.flag(rest)
}

// word is a command while there are any, and else an argument.
func (w *walker) word(word string) {
	i := slices.IndexFunc(w.children, func(c *cli.Command) bool { return c.HasName(word) })
	if i < 0 {
		w.lost = w.lost || len(w.children) > 0
		w.children = nil
		w.arguments = append(w.arguments, word)
		return
	}
	next := w.children[i]
	w.path, w.children, w.root = append(w.path, word), next.Subcommands, false
	if len(next.Subcommands) == 0 {
		w.flags = next.Flags
	}
}

// flag takes a flag with its value.
func (w *walker) flag(rest []string) (int, error) {
	name, _, hasValue := strings.Cut(strings.TrimLeft(rest[0], "-"), "=")
	known := slices.IndexFunc(w.flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) })
	taken := 1
	if known >= 0 && !hasValue && takesValue(w.flags[known]) {
		if len(rest) < 2 || strings.HasPrefix(rest[1], "--") {
			return 0, control.Usage("%s needs a value.", rest[0])
		}
		taken = 2
	}
	if known >= 0 && len(w.children) > 0 {
		w.common = append(w.common, rest[:taken]...)
	} else {
		w.options = append(w.options, rest[:taken]...)
	}
	return taken, nil
}

// takesValue tells whether a flag is followed by a value.
func takesValue(f cli.Flag) bool {
	_, isBool := f.(*cli.BoolFlag)
	return !isBool
}

// line puts the line together again. Without a leaf flags say nothing: what is
// wrong is the command.
func (w *walker) line() []string {
	line := slices.Clone(w.path)
	if len(w.children) == 0 && !w.lost {
		line = append(line, w.common...)
	}
	if !w.lost {
		line = append(line, w.options...)
	}
	switch {
	case w.help:
		line = append(line, "--help")
	case len(w.arguments) > 0:
		line = append(append(line, "--"), w.arguments...)
	}
	return line
}
