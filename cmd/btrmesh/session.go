package main

import (
	"context"
	"fmt"
	"io"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"btrmesh/mesh/control"
)

// session is one command with its surroundings: what it was told, where it
// prints, whom it asks.
type session struct {
	ctx    context.Context //nolint:containedctx // it lives as long as the one command it belongs to
	line   *cli.Context
	client *control.Client
	in     io.Reader
	out    screen
	err    screen

	json     bool
	quiet    bool
	dry      bool
	noHeader bool
	utc      bool
	units    control.Units
}

// newSession reads the common flags. stop gives back what it holds.
func newSession(c *cli.Context, slow bool) (s *session, stop func(), err error) {
	timeout := defaultTimeout
	if slow {
		timeout = slowTimeout
	}
	if d := duration(c, "timeout"); d > 0 {
		timeout = d
	}
	units, err := value[*unitsValue](c, "units")
	if err != nil {
		return nil, nil, err
	}
	ctx, stop := signal.NotifyContext(c.Context, syscall.SIGINT, syscall.SIGTERM)
	plain := c.Bool("no-color")
	return &session{
		ctx: ctx, line: c, client: control.NewClient(c.String("socket"), timeout),
		in: c.App.Reader, out: newScreen(c.App.Writer, plain), err: newScreen(c.App.ErrWriter, plain),
		json: c.Bool("json"), quiet: c.Bool("quiet"), dry: c.Bool("dry-run"), noHeader: c.Bool("no-header"),
		utc: c.Bool("utc"), units: units.units,
	}, stop, nil
}

// value returns the value of one of our own flags.
func value[V any](c *cli.Context, name string) (V, error) {
	v, ok := c.Generic(name).(V)
	if !ok {
		return v, control.Errorf(control.CodeInternal, "flag --%s is not declared.", name)
	}
	return v, nil
}

// duration returns the value of a duration flag, 0 when it was not given.
func duration(c *cli.Context, name string) time.Duration {
	if v, ok := c.Generic(name).(*durationValue); ok {
		return v.d
	}
	return 0
}

// seconds returns the value of a duration flag in seconds.
func (s *session) seconds(name string) int64 { return int64(duration(s.line, name) / time.Second) }

// size returns the value of a size flag, 0 when it was not given.
func (s *session) size(name string) int64 {
	if v, ok := s.line.Generic(name).(*sizeValue); ok {
		return v.bytes
	}
	return 0
}

// count returns the value of a count flag.
func (s *session) count(name string) int64 {
	if v, ok := s.line.Generic(name).(*countValue); ok {
		return v.n
	}
	return 0
}

func (s *session) arg(i int) string          { return s.line.Args().Get(i) }
func (s *session) text(flag string) string   { return s.line.String(flag) }
func (s *session) has(flag string) bool      { return s.line.Bool(flag) }
func (s *session) many(flag string) []string { return s.line.StringSlice(flag) }
func (s *session) given(flag string) bool    { return s.line.IsSet(flag) }

// need returns a usage error that names every flag of names that is missing.
func (s *session) need(names ...string) error {
	var missing []string
	for _, name := range names {
		if !s.given(name) || s.text(name) == "" {
			missing = append(missing, "--"+name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return withUsage(s.line, control.Usage("%s needs %s.", groupName(s.line), enumerate(missing)))
}

// raw prints a line of JSON as it came.
func (s *session) raw(line []byte) error {
	_, err := fmt.Fprintf(s.out.w, "%s\n", line)
	return err
}

// say prints a line of the answer.
func (s *session) say(format string, args ...any) error {
	_, err := fmt.Fprintf(s.out.w, "%s\n", control.Plain(fmt.Sprintf(format, args...)))
	return err
}

// note prints a line that is no part of the answer, unless --quiet.
func (s *session) note(format string, args ...any) error {
	if s.quiet {
		return nil
	}
	_, err := fmt.Fprintf(s.err.w, "%s\n", control.Plain(fmt.Sprintf(format, args...)))
	return err
}

// enumerate puts words in a row as a sentence does.
func enumerate(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}
