package mesh

import (
	"context"

	"btrmesh/state"
	"btrmesh/stream"
)

// refuse tells the source why not. A source that is gone learns it on its own.
func (r *receiving) refuse(ctx context.Context, no *stream.Refusal) {
	if err := r.in.Refuse(context.WithoutCancel(ctx), no.Code, no.Text, no.Facts...); err != nil {
		r.node.log.Debug("refusal not delivered", "peer", r.in.Peer().Short(), "err", err)
	}
}

// interrupt ends a read that waits for the source, which only the end of the
// session does. A commit under way goes on: it is the truth, whatever is said.
func (r *receiving) interrupt(ctx context.Context) {
	if r.run.record().State < state.Committing {
		r.refuse(ctx, refusalOf(ctx, context.Cause(ctx)))
	}
}

// fail records the run as failed here and tells the source, with the same words.
func (r *receiving) fail(ctx context.Context, err error) {
	if r.run.record().State.Final() {
		r.node.log.Warn("answer not delivered, the source asks again", "task", r.offer.Task, "run", r.offer.Run, "err", err)
		return
	}
	no := refusalOf(ctx, err)
	if r.run.record().State == state.Committing {
		r.failCommit(ctx, no)
		r.refuse(ctx, no)
		return
	}
	next := endOf(no.Code)
	recordErr := r.run.become(next, func(_ *state.Tx, rec *state.Run) error {
		r.count(rec)
		rec.Code, rec.Error = codeOf(no), no.Text
		return nil
	})
	if recordErr != nil {
		r.node.log.Error("run not recorded", "task", r.offer.Task, "run", r.offer.Run, "err", recordErr)
	}
	r.refuse(ctx, no)
}

// endOf is how a run ends here for which there was such a no.
func endOf(code stream.RefusalCode) state.RunState {
	switch code {
	case stream.Cancelled:
		return state.Cancelled
	case stream.Paused:
		return state.Paused
	default:
		return state.Failed
	}
}

// failCommit records a run that failed after all had arrived. It may have become
// visible before the error, and then it is committed.
func (r *receiving) failCommit(ctx context.Context, no *stream.Refusal) {
	err := r.node.settleReceive(context.WithoutCancel(ctx), r.pool, r.run, func(rec *state.Run) {
		r.count(rec)
		rec.Code, rec.Error = codeOf(no), no.Text
	})
	if err != nil {
		r.node.log.Error("run not settled", "task", r.offer.Task, "run", r.offer.Run, "err", err)
	}
}
