package stream

import (
	"errors"
	"time"

	"btrmesh/btrfs"
)

// MaxHeld is the most snapshots one Have may name.
const MaxHeld = 512

// MaxOpen is the most open runs one offer asks about.
const MaxOpen = 64

// Offer says what the source would send: source → target, after hello,
// <= 2 KiB.
type Offer struct {
	Task      string     `cbor:"1,keyasint"`
	Run       uint64     `cbor:"2,keyasint"`
	Every     uint32     `cbor:"3,keyasint"` // seconds between runs, 0: by hand
	Keep      string     `cbor:"4,keyasint"` // retention asked for on the target
	Share     string     `cbor:"5,keyasint"`
	ShareUUID btrfs.UUID `cbor:"6,keyasint"`
	Pool      string     `cbor:"7,keyasint"` // on the target
	Snapshot  btrfs.UUID `cbor:"8,keyasint"` // on the source
	CTransID  uint64     `cbor:"9,keyasint"` // of Snapshot
	Taken     time.Time  `cbor:"10,keyasint"`
	Unchanged bool       `cbor:"11,keyasint"` // nothing to send: Snapshot is the base both should hold
	Full      bool       `cbor:"12,keyasint"` // the operator's word for a full send of a replica that exists
	Open      []uint64   `cbor:"13,keyasint"` // earlier runs of the task whose end the source does not know, <= 64
}

// Have answers an offer: target → source, <= 60 KiB.
type Have struct {
	Snapshots     []Held `cbor:"1,keyasint"` // newest first, <= 512
	FreeBytes     uint64 `cbor:"2,keyasint"`
	ReserveBytes  uint64 `cbor:"3,keyasint"` // of FreeBytes, kept free
	StreamVersion uint32 `cbor:"4,keyasint"` // the highest send stream the target applies
	ReplicaPath   string `cbor:"5,keyasint"`

	Ended []Ended `cbor:"6,keyasint"` // what became of the offer's open runs; one not here is not known

	// Resume is the position of a checkpoint of the offered snapshot, as text that
	// only the ends understand; empty: there is none.
	Resume string `cbor:"7,keyasint"`
}

// Outcome is how a run ended on the target.
type Outcome uint8

// The outcomes. An unknown one counts as not known.
const (
	EndedOK        Outcome = 1 // committed
	EndedUnchanged Outcome = 2 // there was nothing to send
	EndedFailed    Outcome = 3
	EndedCancelled Outcome = 4
	EndedPaused    Outcome = 5 // the window of its task had ended
)

// Ended says how the target's history tells of a run.
type Ended struct {
	Run       uint64  `cbor:"1,keyasint"`
	Outcome   Outcome `cbor:"2,keyasint"`
	DataBytes int64   `cbor:"3,keyasint"` // that came on its lanes: a source that died does not know
}

// Held is one committed snapshot of the replica. Run, Received and Bytes let
// the source settle a run whose acknowledgement was lost.
type Held struct {
	UUID     btrfs.UUID `cbor:"1,keyasint"` // of the snapshot on the source
	CTransID uint64     `cbor:"2,keyasint"` // of the snapshot on the source
	Taken    time.Time  `cbor:"3,keyasint"`
	Run      uint64     `cbor:"4,keyasint"`
	Received time.Time  `cbor:"5,keyasint"`
	Bytes    int64      `cbor:"6,keyasint"` // of the raw stream
}

// Begin says what follows on the lanes: source → target, <= 512 B.
type Begin struct {
	Parent        btrfs.UUID `cbor:"1,keyasint"` // on the source; zero: a full send
	EstimateBytes int64      `cbor:"2,keyasint"` // of the raw stream; 0: unknown
	StreamVersion uint32     `cbor:"3,keyasint"`
	Compressed    bool       `cbor:"4,keyasint"` // the stream carries encoded extents
	From          string     `cbor:"5,keyasint"` // Have.Resume if the stream goes on from there; empty: from its beginning
}

// progress says go with its first, then how far the target is: target →
// source, once a second with a roll of the lanes, and soon after chunks have
// come or were taken, without. <= 64 B, with the roll <= 384 B.
type progress struct {
	Applied int64  `cbor:"1,keyasint"`           // bytes of the raw stream
	Chunks  uint64 `cbor:"2,keyasint"`           // taken in sequence: the source may send windowSize from here on
	Starved bool   `cbor:"3,keyasint"`           // the target waits for a chunk
	Beyond  uint32 `cbor:"4,keyasint,omitempty"` // bit i: chunk Chunks+i has come

	Bytes int64        `cbor:"5,keyasint,omitempty"` // that came on all lanes so far
	Roll  bool         `cbor:"6,keyasint,omitempty"` // Lanes lists all that are open
	Lanes []laneReport `cbor:"7,keyasint,omitempty"` // <= 18
}

// laneReport is what has come on one lane.
type laneReport struct {
	_      struct{} `cbor:",toarray"`
	Serial uint32
	Bytes  int64 // chunks and their headers
}

// end closes the raw stream: source → target, after the last chunk, <= 64 B.
type end struct {
	Bytes  int64  `cbor:"1,keyasint"`
	Chunks uint64 `cbor:"2,keyasint"`
	XXH64  uint64 `cbor:"3,keyasint"` // of the raw stream, seed 0
}

// Committed is the one proof of success: target → source, <= 128 B. It is
// sent when the replica is durable and visible.
type Committed struct {
	Snapshot  btrfs.UUID `cbor:"1,keyasint"` // on the source
	Received  time.Time  `cbor:"2,keyasint"` // the target's clock
	Bytes     int64      `cbor:"3,keyasint"` // of the raw stream
	Unchanged bool       `cbor:"4,keyasint"`
}

// abort ends a session from either side: <= 2 KiB. It is no answer to the
// offer: whether the target committed is settled by the next one.
type abort struct {
	Code RefusalCode `cbor:"1,keyasint"`
	Text string      `cbor:"2,keyasint"`
}

func (Offer) frameType() frameType     { return typeOffer }
func (Have) frameType() frameType      { return typeHave }
func (Begin) frameType() frameType     { return typeBegin }
func (progress) frameType() frameType  { return typeProgress }
func (end) frameType() frameType       { return typeEnd }
func (Committed) frameType() frameType { return typeCommitted }
func (Refusal) frameType() frameType   { return typeRefused }
func (abort) frameType() frameType     { return typeAbort }

func (o Offer) check() error {
	return errors.Join(checkNames(o.Task, o.Keep, o.Share, o.Pool), named("task", o.Task), named("share", o.Share),
		within("open runs", len(o.Open), MaxOpen))
}

func (h Have) check() error {
	for _, e := range h.Ended {
		if err := notNegative(e.DataBytes); err != nil {
			return err
		}
	}
	return errors.Join(within("snapshots", len(h.Snapshots), MaxHeld), within("path", len(h.ReplicaPath), maxPath),
		within("ended runs", len(h.Ended), MaxOpen), within("position", len(h.Resume), maxName))
}

func (b Begin) check() error {
	return errors.Join(notNegative(b.EstimateBytes), within("position", len(b.From), maxName))
}

func (p progress) check() error {
	for _, r := range p.Lanes {
		if err := notNegative(r.Bytes); err != nil {
			return err
		}
	}
	return errors.Join(notNegative(p.Applied), notNegative(p.Bytes), within("lanes", len(p.Lanes), maxLanes+spareLanes))
}

func (e end) check() error { return notNegative(e.Bytes) }

func (c Committed) check() error { return notNegative(c.Bytes) }

func (r Refusal) check() error {
	if r.Code == 0 {
		return errors.New("no code")
	}
	return errors.Join(within("text", len(r.Text), maxText), within("facts", len(r.Facts), maxFacts))
}

func (a abort) check() error { return within("text", len(a.Text), maxText) }
