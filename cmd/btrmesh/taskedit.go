package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"btrmesh/mesh/control"
)

// editFlags are what a task can be told anew: all but its name and its ends.
func editFlags() []cli.Flag {
	return append([]cli.Flag{
		everyFlag(),
		countFlag("keep-source", nil, 0, "keep the newest `N` snapshots here"),
		keepFlag(),
	}, paceFlags()...)
}

func runTaskEdit(s *session) error {
	req, err := s.editOf()
	if err != nil {
		return err
	}
	if req.Empty() {
		return withUsage(s.line, control.Usage("nothing to change: give --every, --keep-source, --keep-target, --bwlimit or --window."))
	}
	a, err := s.client.EditTask(s.ctx, req)
	return s.taskChanged(a, err, editedLines)
}

// editOf asks for what was given on the line, and for nothing else.
func (s *session) editOf() (control.EditTask, error) {
	req := control.EditTask{Task: s.arg(0), Dry: control.Dry{DryRun: s.dry}}
	every, err := value[*everyValue](s.line, "every")
	if err != nil {
		return req, err
	}
	pace, err := s.pace()
	if err != nil {
		return req, err
	}
	if s.given("every") {
		req.EverySeconds = &every.seconds
	}
	if s.given("keep-source") {
		req.KeepSource = new(s.count("keep-source"))
	}
	if s.given("keep-target") {
		req.KeepTarget = new(s.text("keep-target"))
	}
	if s.given("bwlimit") {
		req.LimitBytesPerSecond = &pace.LimitBytesPerSecond
	}
	if s.given("window") {
		req.Window, req.OutsideBytesPerSecond = &pace.Window, &pace.OutsideBytesPerSecond
	}
	return req, nil
}

// editedLines says what an edit changed.
func editedLines(c control.TaskChange, _ time.Time) []string {
	name := c.Task.Name
	if c.Unchanged {
		return []string{name + " is so already; nothing changed."}
	}
	parts := make([]string, 0, len(c.Changes))
	for _, f := range c.Changes {
		parts = append(parts, f.Name+" "+f.Text)
	}
	lines := []string{"✓ " + name + ": " + strings.Join(parts, "; ") + "."}
	if c.Run > 0 {
		lines = append(lines, fmt.Sprintf("  Run %d is under way: limit and window act on it at once, the rest on the next run.", c.Run))
	}
	return lines
}
