package main

import (
	"github.com/urfave/cli/v2"

	"btrmesh/mesh/control"
)

func receiveCommand() *cli.Command {
	return group("receive", "replicas: what this appliance receives",
		leaf{name: "list", aliases: []string{"ls"}, usage: "list the replicas here", run: runReceiveList}.command(),
		leaf{
			name: "history", usage: "list the runs into a replica", args: []string{"REPLICA"}, flags: historyFlags(), run: runReceiveHistory,
		}.command())
}

func runReceiveList(s *session) error {
	a, err := s.client.Replicas(s.ctx)
	if err != nil {
		return err
	}
	t := &table{columns: columns("REPLICA", "TASK", "FROM", "SHARE", "POOL", "=LAST RECEIVE", "=LAG", "STATE")}
	for _, r := range a.Value {
		t.add(false, word(r.Name), word(r.Task), word(r.Source), word(r.Share), word(r.Pool), ago(r.LastReceivedAt, a.Time),
			lasting(r.LagSeconds), coloured(word(s.replicaState(r)), r.State))
	}
	return s.list(a.Raw, t, "No replica is here. Let somebody send one: btrmesh pool allow POOL APPLIANCE")
}

func runReceiveHistory(s *session) error {
	a, err := s.client.ReceiveHistory(s.ctx, control.ReceiveHistory{
		Replica: s.arg(0), Limit: s.count("limit"), Failed: s.has("failed"), SinceSeconds: s.seconds("since"),
	})
	if err != nil {
		return err
	}
	t := &table{columns: columns("=RUN", "=SNAPSHOT", "=RECEIVED", "=TOOK", "FROM", "=WRITTEN", "=DATA", "=META", "=RATE", "RESULT")}
	for _, r := range a.Value {
		result := word(s.received(r))
		result.tone = resultTone(r.Result)
		t.add(false, whole(int64(r.Number)), word(r.Snapshot), s.at(r.ReceivedAt), took(r.TookSeconds, r.Result), word(r.Source),
			s.bytes(&r.WrittenBytes), s.bytes(&r.DataBytes), s.bytes(&r.MetaBytes), s.rate(meanRate(r.BytesPerSecond, r.Progress)), result)
	}
	return s.list(a.Raw, t, "Nothing was received into this replica in that time.")
}

// received says how a run ended on this side.
func (s *session) received(r control.Receipt) string {
	switch {
	case !r.Result.Final():
		return string(control.StateReceiving) + s.percent(r.Progress)
	case r.Result == control.ResultOK:
		return "ok, committed"
	}
	return string(r.Result) + prefixed(": ", r.Reason)
}
