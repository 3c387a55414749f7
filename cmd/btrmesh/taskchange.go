package main

import (
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"btrmesh/mesh/control"
)

// taskFlags describe a new task.
func taskFlags() []cli.Flag {
	return append([]cli.Flag{
		&cli.StringFlag{Name: "to", Usage: "the target `APPLIANCE`"},
		&cli.StringFlag{Name: "pool", Usage: "the `POOL` there"},
		everyFlag(),
		&cli.StringFlag{Name: "name", Usage: "`NAME` of the task (default: SHARE-APPLIANCE)"},
		countFlag("keep-source", nil, 0, "keep the newest `N` snapshots here (default: 2)"),
		keepFlag(),
	}, paceFlags()...)
}

func runTaskAdd(s *session) error {
	if err := s.need("to", "pool", "every"); err != nil {
		return err
	}
	every, err := value[*everyValue](s.line, "every")
	if err != nil {
		return err
	}
	pace, err := s.pace()
	if err != nil {
		return err
	}
	a, err := s.client.AddTask(s.ctx, control.AddTask{
		Share: s.arg(0), To: s.text("to"), Pool: s.text("pool"), Name: s.text("name"), EverySeconds: every.seconds,
		KeepSource: s.count("keep-source"), KeepTarget: s.text("keep-target"), Pace: pace, Dry: control.Dry{DryRun: s.dry},
	})
	return s.taskChanged(a, err, addedLines)
}

// taskChanged prints an answer to a change of a task, by lines of it and of the
// time there.
func (s *session) taskChanged(a control.Answer[control.TaskChange], err error, lines func(control.TaskChange, time.Time) []string) error {
	if err == nil && !a.DryRun && a.Value.Task == nil {
		err = control.Errorf(control.CodeInternal, "the daemon named no task.")
	}
	return changed(s, a, err, a.Value.Plan, func(c control.TaskChange) []string { return lines(c, a.Time) })
}

func addedLines(c control.TaskChange, _ time.Time) []string {
	t := c.Task
	first := "Its first run starts at once."
	if t.Window != "" && t.OutsideBytesPerSecond == nil {
		first = "Its first run starts in its window, " + t.Window + "."
	}
	lines := []string{fmt.Sprintf("✓ task %s added: %s → %s:%s every %d s. %s", t.Name, t.Share, t.Target, t.TargetPool, t.EverySeconds, first)}
	for _, w := range c.Warnings {
		lines = append(lines, "  warning: "+w)
	}
	return append(lines, "  follow it: btrmesh task run "+t.Name+" --wait")
}

func runTaskEnable(s *session) error {
	a, err := s.client.EnableTask(s.ctx, control.EnableTask{Task: s.arg(0), Dry: control.Dry{DryRun: s.dry}})
	return s.taskChanged(a, err, enabledLines)
}

func enabledLines(c control.TaskChange, now time.Time) []string {
	t := c.Task
	if c.Unchanged {
		return []string{t.Name + " is enabled already."}
	}
	next := "It runs when it is due, at once if it is."
	if t.NextAt.After(now) {
		next = "It runs in " + control.Duration(t.NextAt.Sub(now).Truncate(time.Second)) + "."
	}
	return []string{fmt.Sprintf("✓ %s enabled. %s", t.Name, next)}
}

func runTaskDisable(s *session) error {
	a, err := s.client.DisableTask(s.ctx, control.DisableTask{Task: s.arg(0), Now: s.has("now"), Dry: control.Dry{DryRun: s.dry}})
	return s.taskChanged(a, err, disabledLines)
}

func disabledLines(c control.TaskChange, _ time.Time) []string {
	name := c.Task.Name
	text := "✓ " + name + " disabled."
	if c.Unchanged {
		text = name + " is disabled already."
	}
	switch {
	case c.Cancelled:
		text += fmt.Sprintf(" Run %d stops at its next checkpoint.", c.Run)
	case c.Run > 0:
		text += fmt.Sprintf(" Run %d goes on to its end; to stop it too: btrmesh task cancel %s", c.Run, name)
	}
	return []string{text, "  Replica and snapshots stay; lag will grow. Enable again: btrmesh task enable " + name}
}

func runTaskCancel(s *session) error {
	a, err := s.client.CancelTask(s.ctx, control.CancelTask{Task: s.arg(0)})
	return s.taskChanged(a, err, func(c control.TaskChange, _ time.Time) []string {
		return []string{fmt.Sprintf("✓ %s run %d stops at its next checkpoint, where the next run goes on.", c.Task.Name, c.Run)}
	})
}
