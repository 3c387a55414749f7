package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"btrmesh/mesh/control"
)

func taskCommand() *cli.Command {
	task := []string{"TASK"}
	return group("task", "replication tasks: what this appliance sends",
		leaf{name: "add", usage: "replicate a share to another appliance", args: []string{"SHARE"}, flags: taskFlags(), dry: true, slow: true, run: runTaskAdd}.command(),
		leaf{name: "list", aliases: []string{"ls"}, usage: "list tasks", flags: taskFilters(), run: runTaskList}.command(),
		leaf{name: "show", usage: "show one task in full", args: task, run: runTaskShow}.command(),
		leaf{name: "edit", usage: "change a task; what is not given stays as it is", args: task, flags: editFlags(), dry: true, run: runTaskEdit}.command(),
		leaf{name: "enable", usage: "let a task run again", args: task, dry: true, run: runTaskEnable}.command(),
		leaf{
			name: "disable", usage: "let a task run no more", args: task, dry: true, run: runTaskDisable,
			flags: []cli.Flag{&cli.BoolFlag{Name: "now", Usage: "also cancel its running transfer"}},
		}.command(),
		leaf{
			name: "run", usage: "run a task now", args: task, run: runTaskRun,
			flags: []cli.Flag{
				&cli.BoolFlag{Name: "wait", Usage: "show the progress and wait for the end"},
				&cli.BoolFlag{Name: "full", Usage: "allow a full send when no snapshot is common any more"},
			},
		}.command(),
		leaf{name: "cancel", usage: "stop the running transfer of a task at a checkpoint", args: task, run: runTaskCancel}.command(),
		leaf{name: "history", usage: "list the runs of a task", args: task, flags: historyFlags(), run: runTaskHistory}.command())
}

// taskFilters choose tasks.
func taskFilters() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "enabled", Usage: "only enabled ones"},
		&cli.BoolFlag{Name: "disabled", Usage: "only disabled ones"},
		&cli.BoolFlag{Name: "late", Usage: "only those behind their frequency"},
	}
}

func runTaskList(s *session) error {
	req := control.TasksRequest{Enabled: s.has("enabled"), Disabled: s.has("disabled"), Late: s.has("late")}
	if req.Enabled && req.Disabled {
		return control.Usage("--enabled and --disabled exclude each other.")
	}
	a, err := s.client.Tasks(s.ctx, req)
	if err != nil {
		return err
	}
	titles := []string{"TASK", "SHARE", "TARGET", ">EVERY", "=ENABLED", "LAST", "=LAG", "STATE"}
	paced := !s.out.terminal || slices.ContainsFunc(a.Value, func(t control.Task) bool { return len(s.paceNotes(t)) > 0 })
	if paced {
		titles = append(titles, "=LIMIT", "=WINDOW")
	}
	t := &table{columns: columns(titles...)}
	for _, task := range a.Value {
		cells := []cell{
			word(task.Name), word(task.Share), word(task.Target + ":" + task.TargetPool), frequency(task.EverySeconds),
			yes(task.Enabled), last(task.Last, a.Time), lasting(task.LagSeconds), coloured(word(s.stateOf(task)), task.State),
		}
		if paced {
			cells = append(cells, s.limit(task.LimitBytesPerSecond), word(task.Window))
		}
		t.add(false, cells...)
	}
	return s.list(a.Raw, t, "No task. Add one: btrmesh task add SHARE --to APPLIANCE --pool POOL --every 300")
}

// limit is a cell of a bound in bytes per second.
func (s *session) limit(bytesPerSecond *int64) cell {
	if bytesPerSecond == nil {
		return word("")
	}
	return s.rate(new(float64(*bytesPerSecond)))
}

// yes is a cell of a yes or no.
func yes(b bool) cell {
	if b {
		return word("yes")
	}
	return word("no")
}

// last is a cell of a task's newest run that ended: "ok 2m04s ago".
func last(r *control.LastRun, now time.Time) cell {
	if r == nil {
		return word("")
	}
	when := ago(r.At, now)
	return cell{text: string(r.Result) + " " + when.text, raw: string(r.Result) + " " + when.raw}
}

func runTaskShow(s *session) error {
	a, err := s.client.Task(s.ctx, control.TaskRequest{Task: s.arg(0)})
	if err != nil {
		return err
	}
	if s.json {
		return s.raw(a.Raw)
	}
	return s.block(s.taskLines(a.Value, a.Time)...)
}

// taskLines is one task in full.
func (s *session) taskLines(t control.Task, now time.Time) []string {
	enabled := "disabled"
	if t.Enabled {
		enabled = "enabled"
	}
	lines := []string{fmt.Sprintf("%s   %s → %s:%s   every %d s   %s   lag %s",
		t.Name, t.Share, t.Target, t.TargetPool, t.EverySeconds, enabled, lasting(t.LagSeconds).text)}
	lines = append(lines, s.nowLines(t, now)...)
	lines = append(lines, detail("keep", "%d here, %s there    limit %s    window %s",
		t.KeepSource, t.KeepTarget, s.limitText(t.LimitBytesPerSecond), s.windowText(t.Window, t.OutsideBytesPerSecond)))
	if t.Base != "" {
		lines = append(lines, detail("base", "%s on both sides", t.Base))
	}
	if t.Streams != nil {
		lines = append(lines, detail("streams", "%s", s.streamsText(*t.Streams)))
		if t.Streams.LanesReason != "" {
			lines = append(lines, detail("lanes", "%s", lanesReason(*t.Streams)))
		}
	}
	if t.Replica != "" {
		lines = append(lines, detail("replica", "%s on %s%s", t.Replica, t.Target, prefixed(": ", t.ReplicaPath)))
	}
	return lines
}

// nowLines say what a task does and what it did last.
func (s *session) nowLines(t control.Task, now time.Time) []string {
	if p := t.Progress; p != nil {
		resume := ""
		if p.ResumableBytes != nil {
			resume = "; resumable from " + s.units.Size(*p.ResumableBytes)
		}
		return []string{detail(fmt.Sprintf("run %d", p.Run), "%s %s%s%s", t.State, s.advance(*p), resume, s.company(p.Company, t.Target))}
	}
	lines := []string{detail("state", "%s", s.outlook(t, now))}
	if t.Last != nil {
		lines = append(lines, detail("last", "run %d %s%s%s", t.Last.Run, last(t.Last, now).text, prefixed(": ", t.Last.Reason), s.company(t.Last.Company, t.Target)))
	}
	return lines
}

// streamsText says what went over the meta stream and the data lanes.
func (s *session) streamsText(x control.Streams) string {
	text := fmt.Sprintf("meta %s out, %s in; data %s out", s.units.Size(x.MetaOutBytes), s.units.Size(x.MetaInBytes), s.units.Size(x.DataOutBytes))
	if x.Lanes > 0 {
		text += fmt.Sprintf(" over %s", control.Count(x.Lanes, strings.TrimSpace(x.Transport+" lane")))
	}
	if x.Ratio != nil {
		text += fmt.Sprintf(" (%s)", compression(x.Codec, *x.Ratio))
	}
	return text
}

// lanesReason says why these lanes, and how many broke down.
func lanesReason(x control.Streams) string {
	if x.LanesReplaced == 0 {
		return x.LanesReason
	}
	return fmt.Sprintf("%s; %s replaced", x.LanesReason, control.Count(x.LanesReplaced, "lane"))
}

// lanesText is "2 quic", or nothing when no data was sent.
func lanesText(x *control.Streams) string {
	if x == nil || x.Lanes == 0 {
		return ""
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", x.Lanes, x.Transport))
}

// compression is "zstd 1.54×".
func compression(codec string, ratio float64) string {
	if codec == "" {
		codec = "zstd"
	}
	return fmt.Sprintf("%s %.2f×", codec, ratio)
}

// detail is an indented line with a name in front.
func detail(name, format string, args ...any) string {
	return fmt.Sprintf("  %-9s %s", name, fmt.Sprintf(format, args...))
}

// prefixed puts a prefix before text, unless that is empty.
func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}

func runTaskHistory(s *session) error {
	a, err := s.client.TaskHistory(s.ctx, control.TaskHistory{
		Task: s.arg(0), Limit: s.count("limit"), Failed: s.has("failed"), SinceSeconds: s.seconds("since"),
	})
	if err != nil {
		return err
	}
	t := &table{columns: columns("=RUN", "=SNAPSHOT", "=STARTED", "=TOOK", "=KIND", "=SENT", "=DATA", "=META", "=RATE", "RESULT", "=LANES")}
	for _, r := range a.Value {
		result := word(s.outcome(r))
		result.tone = resultTone(r.Result)
		t.add(false, whole(int64(r.Number)), word(r.Snapshot), s.at(r.StartedAt), took(r.TookSeconds, r.Result), word(r.Kind),
			s.bytes(&r.SentBytes), s.bytes(&r.DataBytes), s.bytes(&r.MetaBytes), s.rate(meanRate(r.BytesPerSecond, r.Progress)), result, word(lanesText(r.Streams)))
	}
	return s.list(a.Raw, t, "No run of this task. Start one: btrmesh task run TASK --wait")
}

// took is a cell of how long a run took, or that it is running.
func took(seconds *float64, result control.Result) cell {
	if !result.Final() {
		return cell{text: string(control.ResultRunning), raw: unknown}
	}
	return lasting(seconds)
}

// meanRate is the rate of a run that ended, or the present one.
func meanRate(mean *float64, p *control.Progress) *float64 {
	if mean == nil && p != nil {
		return p.BytesPerSecond
	}
	return mean
}
