package state

import (
	"fmt"
	"strings"
	"time"

	"btrmesh/btrfs"
	"btrmesh/certs"
)

// Side is the side of a run this appliance is on.
type Side uint8

// The sides.
const (
	Send    Side = 1
	Receive Side = 2
)

// String returns "send" or "receive".
func (s Side) String() string {
	switch s {
	case Send:
		return "send"
	case Receive:
		return "receive"
	}
	return fmt.Sprintf("side %d", uint8(s))
}

// Kind is what a run sends.
type Kind uint8

// The kinds of run; 0: not known yet.
const (
	Full        Kind = 1
	Incremental Kind = 2
	Unchanged   Kind = 3 // nothing to send
)

// String returns "full", "incremental", "unchanged", and "" while not known.
func (k Kind) String() string {
	switch k {
	case 0:
		return ""
	case Full:
		return "full"
	case Incremental:
		return "incremental"
	case Unchanged:
		return "unchanged"
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Run is one execution of a task, under the same number on both sides.
type Run struct {
	Side   Side     `cbor:"1,keyasint,omitzero"`
	Task   string   `cbor:"2,keyasint,omitzero"` // at most 63 bytes
	Peer   certs.ID `cbor:"3,keyasint,omitzero"` // the other side
	Number uint64   `cbor:"4,keyasint,omitzero"`
	Share  string   `cbor:"5,keyasint,omitzero"`
	Pool   string   `cbor:"6,keyasint,omitzero"` // on this side

	Kind         Kind       `cbor:"7,keyasint,omitzero"`
	State        RunState   `cbor:"8,keyasint,omitzero"`
	Snapshot     string     `cbor:"9,keyasint,omitzero"` // its name, 20261123T100000Z
	SnapshotUUID btrfs.UUID `cbor:"10,keyasint,omitzero"`
	Parent       btrfs.UUID `cbor:"11,keyasint,omitzero"` // on the source; zero: none
	Started      time.Time  `cbor:"12,keyasint,omitzero"`
	Ended        time.Time  `cbor:"13,keyasint,omitzero"` // zero while open

	EstimateBytes int64 `cbor:"14,keyasint,omitzero"` // of the send stream
	StreamBytes   int64 `cbor:"15,keyasint,omitzero"` // of the send stream, read or written so far
	AppliedBytes  int64 `cbor:"16,keyasint,omitzero"` // of the send stream, applied on the target so far
	DataBytes     int64 `cbor:"17,keyasint,omitzero"` // on data lanes, compressed
	MetaOutBytes  int64 `cbor:"18,keyasint,omitzero"` // on the meta stream, away from here
	MetaInBytes   int64 `cbor:"19,keyasint,omitzero"`

	ResumedBytes int64 `cbor:"23,keyasint,omitzero"` // of the send stream, not sent again after a cut

	Together   []string `cbor:"24,keyasint,omitzero"` // tasks whose runs sent the same stream with this one
	ApartBytes int64    `cbor:"25,keyasint,omitzero"` // of the send stream: from here on it was sent separately, being slower

	LaneKind      string `cbor:"26,keyasint,omitzero"` // quic or tcp, of most of the lanes
	Lanes         uint32 `cbor:"27,keyasint,omitzero"` // the most at once
	LanesReplaced uint32 `cbor:"28,keyasint,omitzero"` // that broke down
	LanesWhy      string `cbor:"29,keyasint,omitzero"` // why these, for a person
	WireBytes     int64  `cbor:"30,keyasint,omitzero"` // of the lanes, with all overhead and repeats
	Chunks        Chunks `cbor:"31,keyasint,omitzero"`

	Code  string   `cbor:"20,keyasint,omitzero"` // of a failure, as in CLI.md 8
	Error string   `cbor:"21,keyasint,omitzero"`
	Hints []string `cbor:"22,keyasint,omitzero"`
}

// Chunks counts the pieces of a stream by how hard they were compressed.
type Chunks struct {
	Raw     int64 `cbor:"1,keyasint,omitzero"`
	Fastest int64 `cbor:"2,keyasint,omitzero"`
	Default int64 `cbor:"3,keyasint,omitzero"`
}

// Texts of a run that are longer are cut: a failure must be storable, whatever
// it has to say.
const (
	maxErrorText = 2048 // bytes
	maxHintText  = 512  // bytes
	maxHints     = 8
)

func (r Run) key() []byte { return runKey(r.Side, r.Peer, r.Task, r.Number) }

func (r Run) check() error {
	switch {
	case r.Side != Send && r.Side != Receive:
		return fmt.Errorf("unknown %v", r.Side)
	case r.Side == Receive && r.Peer.IsZero():
		return fmt.Errorf("received from no peer")
	case !r.State.valid():
		return fmt.Errorf("unknown %v", r.State)
	}
	return checkTask(r.Task)
}

// clipped returns r with its texts cut to what is stored.
func (r Run) clipped() Run {
	r.Error, r.LanesWhy = clip(r.Error, maxErrorText), clip(r.LanesWhy, maxHintText)
	hints := r.Hints[:min(len(r.Hints), maxHints)]
	r.Hints = nil
	for _, h := range hints {
		r.Hints = append(r.Hints, clip(h, maxHintText))
	}
	return r
}

// clip cuts s to limit bytes, the mark of the cut included, not inside a rune.
func clip(s string, limit int) string {
	const mark = "…"
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit-len(mark)], "") + mark
}

// Run returns a run, false if there is none. peer is looked at on the receiving
// side only.
func (tx *Tx) Run(side Side, peer certs.ID, task string, number uint64) (Run, bool, error) {
	return get[Run](tx, runKey(side, peer, task, number))
}

// PutRun adds r or replaces that of the same side, task, number and, received,
// peer. Over-long texts are cut. It does not ask whether an edge leads to
// r.State: that is decided where the state is changed.
func (tx *Tx) PutRun(r Run) error {
	if err := r.check(); err != nil {
		return fmt.Errorf("put run %d of %q: %w", r.Number, r.Task, err)
	}
	key := r.key()
	if err := tx.put(key, r.clipped()); err != nil {
		return err
	}
	if r.State.Final() {
		return tx.drop(openKey(key, kindOpenRun))
	}
	return tx.set(openKey(key, kindOpenRun), nil)
}

// OpenRuns returns the runs that are not final, by side, peer, task and number.
// It costs nothing for those that are. See Tx for corrupt ones.
func (tx *Tx) OpenRuns() ([]Run, error) {
	return collect(tx.keys([]byte{kindOpenRun}), func(key []byte) (Run, error) {
		return must[Run](tx, openKey(key, kindRun))
	})
}
