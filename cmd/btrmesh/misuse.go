package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"btrmesh/mesh/control"
)

// needsCommand is the action of the root and of groups: reaching it means that
// a command is missing or unknown.
func needsCommand(c *cli.Context) error {
	name := c.Args().First()
	if name == "" {
		return missingCommand(c)
	}
	full := strings.TrimSpace(groupName(c) + " " + name)
	if groupName(c) == "task" && slices.Contains([]string{"remove", "rm", "delete"}, name) {
		return control.NoTaskDelete(c.Args().Get(1))
	}
	var names []string
	for _, child := range c.Command.Subcommands {
		names = append(names, child.Names()...)
	}
	return control.Errorf(control.CodeUnknownCommand, "there is no command %q.%s",
		full, control.DidYouMean(control.Nearest(name, names))).Hint("%s --help", helpName(c))
}

// missingCommand lists what could stand where the line ends.
func missingCommand(c *cli.Context) error {
	e := control.Usage("%s needs a command.", strings.TrimSpace("btrmesh "+groupName(c)))
	for _, child := range c.Command.Subcommands {
		e = e.Fact("%-10s %s", child.Name, child.Usage)
	}
	return e.Hint("%s --help", helpName(c))
}

// groupName is the path of the group without the program, "" for the root.
func groupName(c *cli.Context) string {
	return strings.TrimSpace(strings.TrimPrefix(helpName(c), "btrmesh"))
}

// helpName is the path of a command as the library builds it.
func helpName(c *cli.Context) string { return c.Command.HelpName }

// usage turns what the library says of a line into an error of ours.
func usage(c *cli.Context, err error, _ bool) error {
	if e := valueError(c.Command.Flags); e != nil {
		return e
	}
	const undefined = "flag provided but not defined: -"
	if name, ok := strings.CutPrefix(err.Error(), undefined); ok {
		return unknownFlag(c, name)
	}
	return control.Usage("%v.", err).Hint("%s --help", helpName(c))
}

// valueError returns why one of our own flag values could not be read, which
// the library reduces to text.
func valueError(flags []cli.Flag) *control.Error {
	for _, f := range flags {
		g, ok := f.(*cli.GenericFlag)
		if !ok {
			continue
		}
		if v, ok := g.Value.(interface{ failure() *control.Error }); ok && v.failure() != nil {
			return v.failure()
		}
	}
	return nil
}

// unknownFlag names a flag as it was typed and the nearest one there is.
func unknownFlag(c *cli.Context, name string) *control.Error {
	who := groupName(c)
	if who == "" {
		who = "btrmesh"
	}
	near := control.Nearest(name, longNames(c.Command.Flags))
	if near != "" {
		near = "--" + near
	}
	return control.Errorf(control.CodeUnknownFlag, "%s has no flag %s.%s",
		who, asTyped(c, name), control.DidYouMean(near)).Hint("%s --help", helpName(c))
}

// longNames returns the flags' names that take two dashes.
func longNames(flags []cli.Flag) []string {
	var names []string
	for _, f := range flags {
		for _, name := range f.Names() {
			if len(name) > 1 {
				names = append(names, name)
			}
		}
	}
	return names
}

// asTyped returns a flag with the dashes it had on the line.
func asTyped(c *cli.Context, name string) string {
	line, ok := c.App.Metadata[lineKey].([]string)
	if !ok {
		return "--" + name
	}
	for _, word := range line {
		word, _, _ = strings.Cut(word, "=")
		if strings.HasPrefix(word, "-") && strings.TrimLeft(word, "-") == name {
			return word
		}
	}
	return fmt.Sprintf("--%s", name)
}
