package main

import (
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"btrmesh/mesh/control"
)

// lineKey is where the app keeps the line as it was typed.
const lineKey = "line"

// newApp returns the command tree for one line. It is cured of what
// urfave/cli v2 does by itself: exit, print help to stdout, take `help` and `h`
// for commands, split values at commas.
func newApp(line []string) *cli.App {
	return &cli.App{
		Name:                      "btrmesh",
		HelpName:                  "btrmesh",
		Usage:                     "keep read-only, up-to-date copies of btrfs shares on other appliances",
		Commands:                  commands(),
		Action:                    needsCommand,
		OnUsageError:              usage,
		ExitErrHandler:            func(*cli.Context, error) {},
		HideHelpCommand:           true,
		HideVersion:               true,
		DisableSliceFlagSeparator: true,
		Compiled:                  time.Unix(0, 1), // else the library reads the binary's
		Metadata:                  map[string]any{lineKey: line},
	}
}

// commands returns the tree, in the order of its help.
func commands() []*cli.Command {
	return []*cli.Command{
		daemonCommand(),
		initCommand(),
		demoCommand(),
		statusCommand(),
		pingCommand(),
		serviceCommand(),
		pairCommand(),
		applianceCommand(),
		poolCommand(),
		shareCommand(),
		taskCommand(),
		receiveCommand(),
		historyCommand(),
		debugCommand(),
		versionCommand(),
	}
}

// group returns a command that only holds others.
func group(name, usageText string, children ...*cli.Command) *cli.Command {
	return &cli.Command{
		Name:            name,
		Usage:           usageText,
		Subcommands:     children,
		Action:          needsCommand,
		OnUsageError:    usage,
		HideHelpCommand: true,
	}
}

// leaf describes a command that does something.
type leaf struct {
	name    string
	aliases []string
	usage   string
	args    []string // names of its arguments; the last may be "[OPTIONAL]"
	flags   []cli.Flag
	dry     bool // it has --dry-run
	slow    bool // the daemon asks other appliances before it answers
	run     func(*session) error
}

// command returns the leaf as the library takes it, with the common flags.
func (l leaf) command() *cli.Command {
	flags := l.flags
	if l.dry {
		flags = append(flags, &cli.BoolFlag{Name: "dry-run", Aliases: []string{"n"}, Usage: "say what would be done, change nothing"})
	}
	return &cli.Command{
		Name:            l.name,
		Aliases:         l.aliases,
		Usage:           l.usage,
		ArgsUsage:       strings.Join(l.args, " "),
		Flags:           append(flags, commonFlags()...),
		OnUsageError:    usage,
		HideHelpCommand: true,
		Action:          l.action,
	}
}

// action checks the arguments and runs the leaf until Ctrl-C.
func (l leaf) action(c *cli.Context) error {
	if err := l.checkArgs(c); err != nil {
		return err
	}
	s, stop, err := newSession(c, l.slow)
	if err != nil {
		return err
	}
	defer stop()
	return l.run(s)
}

// checkArgs refuses a line with too few or too many arguments.
func (l leaf) checkArgs(c *cli.Context) error {
	least := len(l.args)
	if least > 0 && l.args[least-1][0] == '[' {
		least--
	}
	given := c.Args().Slice()
	switch {
	case len(given) < least:
		return withUsage(c, control.Usage("%s needs %s.", groupName(c), l.args[len(given)]))
	case len(given) > len(l.args):
		return withUsage(c, control.Usage("%s does not take %q.", groupName(c), given[len(l.args)]))
	}
	for i, arg := range given {
		if arg == "" {
			return control.Usage("%s of %s is empty.", l.args[i], groupName(c))
		}
	}
	return nil
}

// withUsage adds the form of the current command to an error about the line.
func withUsage(c *cli.Context, e *control.Error) *control.Error {
	form := strings.TrimSpace(helpName(c) + " " + c.Command.ArgsUsage)
	return e.Fact("usage: %s [FLAGS]", form).Hint("%s --help", helpName(c))
}
