package mesh

import (
	"context"
	"time"

	"btrmesh/certs"
	"btrmesh/state"
)

const (
	// runsKept is how many runs of a task each side remembers: three and a half
	// days at one a minute, half a year at one an hour.
	runsKept = 5000
	// trimEvery is how often older ones are forgotten.
	trimEvery = time.Hour
)

// keepTrimmed forgets the oldest runs of each task, for ever.
func (n *Node) keepTrimmed(ctx context.Context) error {
	return every(ctx, trimEvery, func() {
		if err := n.trimHistory(runsKept); err != nil {
			n.log.Error("history not trimmed", "err", err)
		}
	})
}

// trimHistory leaves the newest runs of every task, on either side.
func (n *Node) trimHistory(keep int) error {
	var tasks []state.Task
	var replicas []state.Replica
	err := n.store.View(func(tx *state.Tx) (err error) {
		if tasks, err = tx.Tasks(); err != nil {
			return err
		}
		replicas, err = tx.Replicas()
		return err
	})
	if err != nil {
		return err
	}
	for _, t := range tasks {
		if err := n.trimRuns(state.Send, n.me, t.Name, keep); err != nil {
			return err
		}
	}
	for _, r := range replicas {
		if err := n.trimRuns(state.Receive, r.Source, r.Task, keep); err != nil {
			return err
		}
	}
	return nil
}

// trimRuns leaves the newest runs of one task, a batch in each transaction.
func (n *Node) trimRuns(side state.Side, peer certs.ID, task string, keep int) error {
	for {
		trimmed := 0
		err := n.store.Update(func(tx *state.Tx) (err error) {
			trimmed, err = tx.TrimRuns(side, peer, task, keep)
			return err
		})
		if err != nil || trimmed == 0 {
			return err
		}
	}
}
