package stream

import "time"

const (
	reportEvery = time.Second           // how often the source hears of progress, or of none
	ackWithin   = 20 * time.Millisecond // how long an acknowledgement waits for others
	ackChunks   = 4                     // taken by the reader: it does not wait then, as a fast line would
)

// report tells the source how far this side is, until the session is over.
func (in *Inbound) report() {
	roll := time.NewTicker(reportEvery)
	defer roll.Stop()
	var told uint64 // chunks taken
	var late <-chan time.Time
	for {
		select {
		case <-in.done:
			return
		case <-roll.C:
			late = nil
			told = in.tell(in.rollCall())
		case <-late:
			late = nil
			told = in.tell(in.progress())
		case <-in.window.news:
			if taken, _, _ := in.window.state(); taken >= told+ackChunks {
				late = nil
				told = in.tell(in.progress())
			} else if late == nil {
				late = time.After(ackWithin)
			}
		}
		if in.said.Load() {
			return
		}
	}
}

// tell sends p and returns the chunks that it acknowledges.
func (in *Inbound) tell(p progress) uint64 {
	if err := in.wire.send(p); err != nil && !in.said.Load() {
		in.strayed(err)
	}
	return p.Chunks
}

func (in *Inbound) progress() progress {
	chunks, beyond, starved := in.window.state()
	return progress{
		Applied: in.applied.Load(), Chunks: chunks, Beyond: beyond, Starved: starved, Bytes: in.intake.bytes.Load(),
	}
}

// rollCall is progress with what has come on each lane.
func (in *Inbound) rollCall() progress {
	p := in.progress()
	p.Roll, p.Lanes = true, in.intake.roll()
	return p
}
