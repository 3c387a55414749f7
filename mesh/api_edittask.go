package mesh

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"btrmesh/mesh/control"
	"btrmesh/mesh/plan"
	"btrmesh/state"
)

// The bounds of what a task may ask for.
const (
	mostEverySeconds = 366 * 24 * 3600
	mostKeptSource   = 1000
	mostRate         = 1 << 50 // bytes per second
)

func checkEvery(seconds int64) error {
	if seconds < control.LeastEverySeconds {
		return control.FrequencyTooSmall(seconds)
	}
	if seconds > mostEverySeconds {
		return control.Usage("frequency is %d s; the most is %d s (a year).", seconds, mostEverySeconds)
	}
	return nil
}

func checkKeepSource(n int64) error {
	if n < 1 || n > mostKeptSource {
		return control.Usage("--keep-source is between 1 and %d.", mostKeptSource)
	}
	return nil
}

// readKeep returns a SPEC in its usual form.
func readKeep(text string) (string, error) {
	k, err := plan.ParseKeep(text)
	if err != nil {
		return "", control.Usage("%v.", err)
	}
	return k.String(), nil
}

// checkRate accepts 0, which is none.
func checkRate(what string, bytesPerSecond int64) error {
	if bytesPerSecond != 0 && (bytesPerSecond < control.LeastRate || bytesPerSecond > mostRate) {
		return control.BadRate(what, fmt.Sprint(bytesPerSecond))
	}
	return nil
}

// checkPace accepts what a task may be told about when it sends, and how fast.
func checkPace(p control.Pace) error {
	if p.Window != "" {
		if _, err := plan.ParseWindow(p.Window); err != nil {
			return control.BadWindow(p.Window, err.Error())
		}
	} else if p.OutsideBytesPerSecond != 0 {
		return control.BadWindow("", "there is no outside of any time")
	}
	return errors.Join(checkRate("--bwlimit", p.LimitBytesPerSecond), checkRate("outside", p.OutsideBytesPerSecond))
}

// editTask changes what a task was given when it was added, but its two ends. The
// limit and the window act on a run under way at once.
func (a api) editTask(_ context.Context, req control.EditTask) (control.TaskChange, error) {
	if req.Empty() {
		return control.TaskChange{}, control.Usage("nothing to change is given.").Hint("btrmesh task edit --help")
	}
	var change control.TaskChange
	var name string
	err := a.change(req.DryRun, func(tx *state.Tx) error {
		before, err := a.findTask(tx, req.Task)
		if err != nil {
			return err
		}
		t := before
		if err := edit(&t, req); err != nil {
			return err
		}
		name, change.Changes = t.Name, differences(before, t)
		change.Unchanged = len(change.Changes) == 0
		shown, err := a.shownTask(tx, t, time.Now().UTC())
		change.Task = &shown
		return errors.Join(err, tx.PutTask(t))
	})
	if err != nil {
		return control.TaskChange{}, err
	}
	if req.DryRun {
		return control.TaskChange{Plan: &control.Plan{Would: "edit task " + name, Facts: change.Changes}}, nil
	}
	if live, ok := a.runs.get(runKey{side: state.Send, task: name}); ok {
		change.Run = live.stored().Number
	}
	a.log.Info("task edited", "task", name, "changes", len(change.Changes))
	a.wakeUp()
	return change, nil
}

// edit applies a request to a task, or says what is wrong with it.
func edit(t *state.Task, req control.EditTask) error {
	var err error
	if req.EverySeconds != nil {
		err = errors.Join(err, checkEvery(*req.EverySeconds))
		t.EverySeconds = uint32(*req.EverySeconds)
	}
	if req.KeepSource != nil {
		err = errors.Join(err, checkKeepSource(*req.KeepSource))
		t.KeepSource = uint32(*req.KeepSource)
	}
	if req.KeepTarget != nil {
		keep, bad := readKeep(*req.KeepTarget)
		err, t.KeepTarget = errors.Join(err, bad), keep
	}
	return errors.Join(err, editPace(t, req))
}

func editPace(t *state.Task, req control.EditTask) error {
	if req.LimitBytesPerSecond != nil {
		t.LimitBytes = *req.LimitBytesPerSecond
	}
	if req.Window != nil {
		t.Window, t.OutsideBytes = *req.Window, 0
		if req.OutsideBytesPerSecond != nil {
			t.OutsideBytes = *req.OutsideBytesPerSecond
		}
	}
	return checkPace(paceOf(*t))
}

func paceOf(t state.Task) control.Pace {
	return control.Pace{LimitBytesPerSecond: t.LimitBytes, Window: t.Window, OutsideBytesPerSecond: t.OutsideBytes}
}

// differences says what an edit changed: "limit", "off → 5.0 MiB/s".
func differences(before, after state.Task) []control.Fact {
	var facts []control.Fact
	add := func(name, was, is string) {
		if was != is {
			facts = append(facts, control.Fact{Name: name, Text: was + " → " + is})
		}
	}
	add("frequency", fmt.Sprintf("%d s", before.EverySeconds), fmt.Sprintf("%d s", after.EverySeconds))
	add("keep here", fmt.Sprint(before.KeepSource), fmt.Sprint(after.KeepSource))
	add("keep there", before.KeepTarget, after.KeepTarget)
	add("limit", rateText(before.LimitBytes), rateText(after.LimitBytes))
	add("window", windowText(before), windowText(after))
	return facts
}

// rateText is "5.0 MiB/s" or "off".
func rateText(bytesPerSecond int64) string {
	if bytesPerSecond == 0 {
		return "off"
	}
	return control.IEC.Rate(float64(bytesPerSecond))
}

// windowText is "any time", "22:00-06:00", or that with the limit outside.
func windowText(t state.Task) string {
	h := hoursOf(t)
	text := h.Window.String()
	if h.Outside > 0 {
		text += ", outside at " + rateText(h.Outside)
	}
	return strings.TrimSpace(text)
}
