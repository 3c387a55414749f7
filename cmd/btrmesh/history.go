package main

import (
	"github.com/urfave/cli/v2"

	"btrmesh/mesh/control"
)

func historyCommand() *cli.Command {
	return leaf{
		name: "history", usage: "list the runs of every task, sent and received", slow: true, run: runHistory,
		flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "all", Usage: "those of every appliance"},
			&cli.BoolFlag{Name: "send", Usage: "only what was sent"},
			&cli.BoolFlag{Name: "receive", Usage: "only what was received"},
			&cli.StringFlag{Name: "task", Usage: "only those of `TASK`"},
		}, historyFlags()...),
	}.command()
}

func runHistory(s *session) error {
	req := control.HistoryRequest{
		All: s.has("all"), Send: s.has("send"), Receive: s.has("receive"), Task: s.text("task"),
		Failed: s.has("failed"), SinceSeconds: s.seconds("since"), Limit: s.count("limit"),
	}
	if req.Send && req.Receive {
		return control.Usage("--send and --receive exclude each other.")
	}
	a, err := s.client.History(s.ctx, req)
	if err != nil {
		return err
	}
	t := &table{columns: columns("APPLIANCE", "=SIDE", "=RUN", "TASK", "WITH", "=STARTED", "=TOOK", "=KIND", "=STREAM", "=DATA", "=META", "=RATE", "RESULT")}
	for _, r := range a.Value {
		result := word(s.ended(r))
		result.tone = resultTone(r.Result)
		t.add(r.Self && req.All, word(r.Appliance), word(r.Side), whole(int64(r.Number)), word(r.Task), word(r.Peer), s.at(r.StartedAt),
			took(r.TookSeconds, r.Result), word(r.Kind), s.bytes(&r.StreamBytes), s.bytes(&r.DataBytes), s.bytes(&r.MetaBytes),
			s.rate(meanRate(r.BytesPerSecond, r.Progress)), result)
	}
	if err := s.silences(a.Head); err != nil {
		return err
	}
	return s.list(a.Raw, t, "Nothing ran in that time. Start a task: btrmesh task run TASK --wait")
}

// ended says how a run ended on the side that tells of it.
func (s *session) ended(r control.HistoryRun) string {
	if r.Side == control.ReceiveSide {
		return s.received(control.Receipt{Result: r.Result, Reason: r.Reason, Progress: r.Progress})
	}
	return s.outcome(control.Run{
		Target: r.Peer, Result: r.Result, Reason: r.Reason, MadeUpBy: r.MadeUpBy, Progress: r.Progress, Company: r.Company,
	})
}
