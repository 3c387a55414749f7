package stream

// MaxHeld is the most snapshots one Have names.
const MaxHeld = maxHeld

// Protocol is the range of wire protocol versions this program speaks.
func Protocol() Range { return protocolRange() }

// Applied returns the bytes of the raw stream that Progress was last told of.
func (in *Inbound) Applied() int64 { return in.applied.Load() }
