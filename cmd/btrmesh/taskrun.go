package main

import (
	"errors"
	"fmt"

	"btrmesh/mesh/control"
)

func runTaskRun(s *session) error {
	a, err := s.client.RunTask(s.ctx, control.RunTask{Task: s.arg(0), Full: s.has("full")})
	if err != nil {
		return err
	}
	if s.has("wait") {
		return s.awaitRun(a.Value)
	}
	if s.json {
		return s.raw(a.Raw)
	}
	lines := []string{startedText(a.Value), "  follow it: btrmesh task run " + a.Value.Task + " --wait"}
	if a.Value.Cure != "" {
		lines = append(lines, "  not to wait: "+a.Value.Cure)
	}
	return s.block(lines...)
}

// startedText says what became of the wish for a run.
func startedText(r control.RunStarted) string {
	switch {
	case r.Already:
		return fmt.Sprintf("%s run %d is running already.", r.Task, r.Run)
	case r.Waiting != "":
		return fmt.Sprintf("✓ %s run %d is asked for: %s.", r.Task, r.Run, r.Waiting)
	}
	return fmt.Sprintf("✓ %s run %d starts.", r.Task, r.Run)
}

// awaitRun shows a run's progress until it ends. Ctrl-C leaves the run alone.
func (s *session) awaitRun(r control.RunStarted) error {
	bar := newProgressBar(s)
	var result *control.Run
	err := s.client.FollowRun(s.ctx, control.FollowRun{Task: r.Task, Run: r.Run}, func(a control.Answer[control.Progress]) error {
		result = a.Value.Result
		if s.json {
			return s.raw(a.Raw)
		}
		return bar.show(a.Value, a.Time)
	})
	err = errors.Join(err, bar.clear())
	switch {
	case s.ctx.Err() != nil:
		return errors.Join(s.note("%s run %d goes on. Follow it: btrmesh task run %s --wait; stop it: btrmesh task cancel %s",
			r.Task, r.Run, r.Task, r.Task), exitError(control.ExitInterrupted))
	case err != nil:
		return err
	case result == nil:
		return control.RunFailed(r.Task, r.Run, "the daemon told of no end")
	}
	return s.printResult(*result)
}

// printResult says how a run ended; a run without a commit is an error.
func (s *session) printResult(r control.Run) error {
	switch r.Result {
	case control.ResultOK, control.ResultUnchanged:
		if s.json {
			return nil // the last line of progress has it
		}
		return s.say("%s", s.doneText(r))
	case control.ResultCancelled:
		return control.RunCancelled(r.Task, r.Number)
	case control.ResultPaused:
		return control.RunPaused(r.Task, r.Number, r.Reason)
	case control.ResultFailed, control.ResultRefused, control.ResultRunning:
	}
	if r.Error != nil {
		return r.Error
	}
	why := r.Reason
	if why == "" {
		why = string(r.Result)
	}
	return control.RunFailed(r.Task, r.Number, why)
}

// doneText is the last line of a run that succeeded.
func (s *session) doneText(r control.Run) string {
	took := lasting(r.TookSeconds).text
	if r.Result == control.ResultUnchanged {
		return fmt.Sprintf("✓ %s run %d: nothing had changed, %s (meta %s)", r.Task, r.Number, took, s.units.Size(r.MetaBytes))
	}
	text := fmt.Sprintf("✓ %s run %d: %s, %s in %s", r.Task, r.Number, r.Kind, s.units.Size(r.SentBytes), took)
	if r.BytesPerSecond != nil {
		text += ", mean " + s.units.Rate(*r.BytesPerSecond)
	}
	text += " (data " + s.units.Size(r.DataBytes)
	if r.DataBytes > 0 && r.SentBytes > r.DataBytes {
		text += ", " + compression("", float64(r.SentBytes)/float64(r.DataBytes))
	}
	return text + "; meta " + s.units.Size(r.MetaBytes) + ")"
}
