package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"btrmesh/mesh/control"
)

// watchInterval is how often a watched screen is made anew.
const watchInterval = 2 * time.Second

func statusCommand() *cli.Command {
	return leaf{
		name: "status", usage: "show appliances, what is sent and received, and warnings", args: []string{"[APPLIANCE]"},
		flags: []cli.Flag{
			&cli.BoolFlag{Name: "watch", Aliases: []string{"w"}, Usage: "show it again every 2 seconds"},
			&cli.BoolFlag{Name: "check", Usage: "print warnings only; exit 10 when degraded, 11 when critical"},
		},
		run: runStatus,
	}.command()
}

func runStatus(s *session) error {
	if s.has("watch") {
		return s.watch(s.status)
	}
	return s.status()
}

// status prints the overview once.
func (s *session) status() error {
	a, err := s.client.Status(s.ctx, control.StatusRequest{Appliance: s.arg(0)})
	if err != nil {
		return err
	}
	if !s.has("check") {
		if s.json {
			return s.raw(a.Raw)
		}
		return s.overview(a)
	}
	return s.checked(a)
}

// checked prints the warnings alone and ends with the code of the worst.
func (s *session) checked(a control.Answer[control.Status]) error {
	var err error
	if s.json {
		err = s.raw(a.Raw)
	} else if len(a.Value.Warnings) > 0 {
		err = s.block(warningLines(a.Value.Warnings, "")...)
	}
	if code := a.Value.Exit(); err == nil && code != control.ExitOK {
		return exitError(code)
	}
	return err
}

// overview prints the whole screen.
func (s *session) overview(a control.Answer[control.Status]) error {
	st := a.Value
	if err := s.say("%s", headline(st)); err != nil {
		return err
	}
	for _, section := range s.sections(st, a.Time) {
		if err := s.section(section); err != nil {
			return err
		}
	}
	if err := s.unheard(a.Head); err != nil {
		return err
	}
	if len(st.Warnings) == 0 {
		return nil
	}
	return s.block(append([]string{"", "# Warnings"}, warningLines(st.Warnings, "#   ")...)...)
}

// headline is the first line: who this is and how it is.
func headline(st control.Status) string {
	warnings := "no warnings"
	if n := len(st.Warnings); n > 0 {
		warnings = control.Count(int64(n), "warning")
	}
	return strings.Join([]string{
		st.Node.Appliance, "btrmesh " + st.Node.Version, "up " + control.Duration(control.Seconds(st.Node.UptimeSeconds)),
		fmt.Sprintf("udp %d", st.Node.Port), serviceWord(st.Node.ServiceOn), warnings,
	}, "   ")
}

// section is a table of the overview.
type section struct {
	title string
	table *table
	empty string // what to do about its emptiness
}

// sections are the tables of the overview; those of the whole mesh only where
// there is one.
func (s *session) sections(st control.Status, now time.Time) []section {
	list := []section{
		{"APPLIANCES  " + countStates(len(st.Appliances), "known", applianceStates(st.Appliances)), s.statusAppliances(st, now), ""},
		{"SEND  " + countOf(len(st.Send), "task", taskStates(st.Send)), s.statusTasks(st, now), "add one: btrmesh task add SHARE --to APPLIANCE --pool POOL --every 300"},
		{"RECEIVE  " + countOf(len(st.Receive), "replica", nil), s.statusReplicas(st), "let somebody write: btrmesh pool allow POOL APPLIANCE"},
	}
	if len(st.Pools) > 0 && len(st.Appliances) > 1 {
		list = append(list, section{"POOLS  " + countOf(len(st.Pools), "pool", nil), s.statusPools(st, now), ""})
	}
	if len(st.MeshTasks) > 0 {
		list = append(list, section{"MESH TASKS  " + countOf(len(st.MeshTasks), "task", meshStates(st.MeshTasks)), s.statusMeshTasks(st, now), ""})
	}
	return list
}

// section prints a title and its table, or what to do about its emptiness.
func (s *session) section(one section) error {
	if err := s.block("", one.title); err != nil {
		return err
	}
	if len(one.table.rows) > 0 {
		return one.table.print(s.out, true)
	}
	if one.empty == "" {
		return nil
	}
	return s.say("    %s", one.empty)
}

// statusAppliances is the first table.
func (s *session) statusAppliances(st control.Status, now time.Time) *table {
	t := &table{columns: columns("NAME", "=STATE", "ADDRESS", "=RTT", "=VERSION", "=LAST SEEN")}
	for _, a := range st.Appliances {
		t.add(a.Self, word(a.Name), applianceState(a), word(overTCP(a.Address, a.Transport)), lasting(a.RTTSeconds), word(a.Version), ago(a.LastSeenAt, now))
	}
	return t
}

// statusTasks is the second table.
func (s *session) statusTasks(st control.Status, now time.Time) *table {
	t := &table{columns: columns("TASK", "SHARE", "TARGET", ">EVERY", ">LAG", "STATE")}
	for _, task := range st.Send {
		t.add(false, word(task.Name), word(task.Share), word(task.Target+":"+task.TargetPool), frequency(task.EverySeconds),
			lasting(task.LagSeconds), coloured(word(strings.Join(append([]string{s.outlook(task, now)}, s.paceNotes(task)...), ", ")), task.State))
	}
	return t
}

// statusReplicas is the third table.
func (s *session) statusReplicas(st control.Status) *table {
	t := &table{columns: columns("REPLICA", "FROM", "POOL", ">LAG", "STATE")}
	for _, r := range st.Receive {
		t.add(false, word(r.Name), word(r.Source), word(r.Pool), lasting(r.LagSeconds), coloured(word(s.replicaState(r)), r.State))
	}
	return t
}

// warningLines lists warnings with their hints, each line behind a prefix.
func warningLines(list []control.Warning, prefix string) []string {
	var lines []string
	for _, w := range list {
		lines = append(lines, prefix+w.Text)
		for _, hint := range w.Hints {
			lines = append(lines, prefix+"  hint: "+hint)
		}
	}
	return lines
}

// applianceStates lists the states of other and own appliances alike.
func applianceStates(list []control.Appliance) []string {
	states := make([]string, 0, len(list))
	for _, a := range list {
		if a.State == control.Online {
			states = append(states, a.State)
		}
	}
	return states
}

// taskStates lists the states of tasks.
func taskStates(list []control.Task) []string {
	states := make([]string, 0, len(list))
	for _, t := range list {
		states = append(states, string(t.State))
	}
	return states
}

// countOf is "3 tasks: 1 ok, 1 sending, 1 late", or "no tasks".
func countOf(n int, noun string, states []string) string {
	switch {
	case n == 0:
		return "no " + noun + "s"
	case len(states) == 0:
		return control.Count(int64(n), noun)
	}
	return control.Count(int64(n), noun) + ": " + tally(states)
}

// countStates is "3 known, 2 online".
func countStates(n int, adjective string, states []string) string {
	text := fmt.Sprintf("%d %s", n, adjective)
	if len(states) > 0 {
		text += ", " + tally(states)
	}
	return text
}

// tally counts equal words, in the order they first appear.
func tally(list []string) string {
	counts := map[string]int{}
	var order []string
	for _, state := range list {
		if counts[state] == 0 {
			order = append(order, state)
		}
		counts[state]++
	}
	for i, state := range order {
		order[i] = fmt.Sprintf("%d %s", counts[state], state)
	}
	return strings.Join(order, ", ")
}
