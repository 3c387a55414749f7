package stream

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"btrmesh/btrfs"
	"btrmesh/certs"
)

// Every stream begins with two bytes, protocol version and stream kind. A
// bidirectional one, but for the gossip's, goes on in frames (frame.go). A message is one CBOR map
// with integer keys; a key that is not known is ignored, a missing one is the
// zero value. None is longer than maxFrame.
//
// A run, on a stream of kind session (the source leads, whoever dialled):
//
//	source  hello, offer
//	target  have                 or refused
//	source  begin                unless the offer says unchanged
//	target  progress{applied 0}  go, or refused
//	source  chunks on the lanes (chunk.go)
//	target  progress             about once a second
//	source  end
//	target  committed            or refused
//
// Either side may send abort at any time. Both close their direction last.
//
// Pairing, on a stream of kind pair:
//
//	joiner   join
//	inviter  joined, records…    or refused
//	joiner   stored
//	inviter  confirmed           or refused
//
// What begins a mesh connection is told in sync.go.
const protocolVersion = 1

// Protocol returns the protocol versions this program speaks.
func Protocol() Range { return Range{Min: protocolVersion, Max: protocolVersion} }

// streamKind is the second byte of a stream.
type streamKind uint8

const (
	kindSession streamKind = 1 // bidirectional: one run
	kindQuery   streamKind = 2 // bidirectional: one question
	kindLane    streamKind = 3 // unidirectional: chunks of one run
	kindPair    streamKind = 4 // bidirectional: one invite, pairing connections only
	kindGreet   streamKind = 5 // bidirectional: first on a mesh connection, once
	kindPacket  streamKind = 6 // unidirectional: one packet too large for a datagram
	kindGossip  streamKind = 7 // bidirectional: bytes of the gossip
	kindSink    streamKind = 9 // bidirectional: bytes to be thrown away (sink.go), on a connection of its own
	kindRecords streamKind = 8 // bidirectional: one exchange of membership records (sync.go)
)

// MaxHeld is the most snapshots one Have may name.
const MaxHeld = 512

// Bounds of message fields.
const (
	maxName    = 255  // bytes of a name, version or address
	maxPath    = 4096 // bytes of a path
	maxLanes   = 16
	maxBody    = 60 << 10 // bytes of a query's or answer's body
	maxListed  = 64       // addresses, pools, shares in one message
	maxMembers = 512      // appliances in one joined
	maxRulings = 256      // removals of one standing in one joined
)

// MaxOpen is the most open runs one offer asks about.
const MaxOpen = 64

// message is what a frame carries. check refuses what decoding lets pass.
type message interface {
	frameType() frameType
	check() error
}

// hello opens a session: source → target, <= 600 B. On a stream of kind greet
// both sides send one, the dialler first, without token. Two instances under one
// key are two machines: a copied disk.
type hello struct {
	Protocol Range   `cbor:"1,keyasint"`
	Name     string  `cbor:"2,keyasint"` // the sender's appliance name, a label
	Version  string  `cbor:"3,keyasint"` // of the sender's software
	Token    bytes16 `cbor:"4,keyasint"` // names the session on its lanes
	Instance bytes16 `cbor:"5,keyasint"` // of the sender's state directory
	Boots    uint64  `cbor:"6,keyasint"` // how often the sender's daemon was started on it
	Digest   bytes32 `cbor:"7,keyasint"` // of the sender's records, when greeting
}

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
)

// Ended says how the target's history tells of a run.
type Ended struct {
	Run     uint64  `cbor:"1,keyasint"`
	Outcome Outcome `cbor:"2,keyasint"`
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
	Lanes         int        `cbor:"5,keyasint"` // 1..16; 0 from the caller: two
	From          string     `cbor:"6,keyasint"` // Have.Resume if the stream goes on from there; empty: from its beginning
}

// progress says go with its first, then how far the target is: target →
// source, about once a second, also when nothing moved; <= 32 B.
type progress struct {
	Applied int64  `cbor:"1,keyasint"` // bytes of the raw stream
	Chunks  uint64 `cbor:"2,keyasint"` // taken in sequence
	Starved bool   `cbor:"3,keyasint"` // the target waits for a chunk
}

// end closes the raw stream: source → target, after the last chunk, <= 64 B.
type end struct {
	Bytes  int64   `cbor:"1,keyasint"`
	Chunks uint64  `cbor:"2,keyasint"`
	SHA256 bytes32 `cbor:"3,keyasint"` // of the raw stream
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

// Query is one question between members, on a stream of kind query: asker →
// asked. The answer is an Answer or a Refusal.
type Query struct {
	Kind uint8  `cbor:"1,keyasint"`
	Body []byte `cbor:"2,keyasint"` // CBOR, <= 60 KiB
}

// The kinds of query.
const (
	QueryInfo   uint8 = 1 // asks for an Info; no body
	QueryStatus uint8 = 2 // bodies are the engine's; a long answer is asked for page by page
	QueryPing   uint8 = 3 // answered by the Endpoint itself; no bodies
)

// Answer is the reply to a Query: asked → asker.
type Answer struct {
	Body []byte `cbor:"1,keyasint"` // CBOR, <= 60 KiB
}

// Info is the body of the answer to QueryInfo.
type Info struct {
	Name      string     `cbor:"1,keyasint"`
	Version   string     `cbor:"2,keyasint"`
	Protocol  Range      `cbor:"3,keyasint"`
	Time      time.Time  `cbor:"4,keyasint"` // the asked appliance's wall clock
	ServiceOn bool       `cbor:"5,keyasint"`
	Pools     []PoolInfo `cbor:"6,keyasint"` // <= 64
}

// PoolInfo describes a pool of the asked appliance to the asker.
type PoolInfo struct {
	Name     string     `cbor:"1,keyasint"`
	UUID     btrfs.UUID `cbor:"2,keyasint"`
	Size     uint64     `cbor:"3,keyasint"` // bytes
	Free     uint64     `cbor:"4,keyasint"` // bytes
	Profile  string     `cbor:"5,keyasint"` // of the data: single, raid1, …
	ReadOnly bool       `cbor:"6,keyasint"`
	Grant    GrantInfo  `cbor:"7,keyasint"`
}

// GrantInfo is what the asker may do with a pool.
type GrantInfo struct {
	Granted bool     `cbor:"1,keyasint"`
	Quota   uint64   `cbor:"2,keyasint"` // bytes, 0: none
	Used    uint64   `cbor:"3,keyasint"` // bytes
	Shares  []string `cbor:"4,keyasint"` // <= 64; empty: any
}

// join redeems an invite: joiner → inviter, on a pairing connection, <= 4 KiB.
type join struct {
	Protocol Range     `cbor:"1,keyasint"`
	InviteID bytes5    `cbor:"2,keyasint"`
	Hello    JoinHello `cbor:"3,keyasint"`
	Proof    bytes32   `cbor:"4,keyasint"` // certs.ProofKey.Joiner
}

// JoinHello is how a joiner introduces itself.
type JoinHello struct {
	Name     string   `cbor:"1,keyasint"`
	Version  string   `cbor:"2,keyasint"`
	Instance bytes16  `cbor:"3,keyasint"` // of this state directory, random
	Listen   []string `cbor:"4,keyasint"` // own addresses, host:port, <= 64
	Mesh     bytes32  `cbor:"5,keyasint"` // it is in; zero: none
	Members  int      `cbor:"6,keyasint"` // of that mesh, the joiner included
}

// JoinRequest is what the inviter's handler decides on: the joiner's message
// with what the connection proves.
type JoinRequest struct {
	JoinHello
	Peer     certs.ID          // proven by the handshake
	Key      ed25519.PublicKey // the one Peer is the hash of
	Remote   netip.AddrPort    // where the joiner is
	InviteID bytes5
	Exporter []byte  // certs.ExportPairing of this connection
	Proof    bytes32 // to be compared with certs.ProofKey.Joiner
}

// JoinAnswer accepts a joiner: inviter → joiner, <= 32 KiB. The records follow
// it as pages.
type JoinAnswer struct {
	Peer       certs.ID  `cbor:"-"` // the inviter, proven by the handshake
	Name       string    `cbor:"1,keyasint"`
	Version    string    `cbor:"2,keyasint"`
	Proof      bytes32   `cbor:"3,keyasint"`  // certs.ProofKey.Inviter
	Addresses  []string  `cbor:"4,keyasint"`  // the inviter's, host:port, <= 64
	Time       time.Time `cbor:"5,keyasint"`  // the inviter's wall clock
	Granted    []string  `cbor:"6,keyasint"`  // pools the joiner may write into, <= 64
	Appliances []string  `cbor:"7,keyasint"`  // names in the mesh, <= 512
	Admission  []byte    `cbor:"8,keyasint"`  // signed by the inviter, the joiner's consent missing; <= 1 KiB
	Records    [][]byte  `cbor:"-"`           // all of the mesh; each <= 1 KiB, <= 4 MiB together
	Held       []bytes32 `cbor:"9,keyasint"`  // removals among them that do not count yet, <= 256
	Vouched    []bytes32 `cbor:"10,keyasint"` // removals among them that came from members, <= 256
}

// stored says that the joiner has made its new membership durable: joiner →
// inviter, <= 128 B.
type stored struct {
	Consent []byte `cbor:"1,keyasint"` // the joiner's signature over the admission: 64 bytes, or none
}

// hashPage names records: either end of an exchange, <= 57 KiB. They follow
// each other until one says that there is no more.
type hashPage struct {
	Hashes []byte `cbor:"1,keyasint"` // 32 bytes each, <= 1792 of them
	More   bool   `cbor:"2,keyasint"`
}

// recordPage carries records: either end of an exchange, and inviter → joiner
// after joined; <= 62 KiB. Pages follow each other like those of hashes.
type recordPage struct {
	Records [][]byte `cbor:"1,keyasint"` // each <= 1 KiB, <= 512 of them
	More    bool     `cbor:"2,keyasint"`
}

// synced ends an exchange of records: what the opener sent is stored.
type synced struct{}

// confirmed says that the inviter has done so too: inviter → joiner.
type confirmed struct{}

func (hello) frameType() frameType      { return typeHello }
func (Offer) frameType() frameType      { return typeOffer }
func (Have) frameType() frameType       { return typeHave }
func (Begin) frameType() frameType      { return typeBegin }
func (progress) frameType() frameType   { return typeProgress }
func (end) frameType() frameType        { return typeEnd }
func (Committed) frameType() frameType  { return typeCommitted }
func (Refusal) frameType() frameType    { return typeRefused }
func (abort) frameType() frameType      { return typeAbort }
func (Query) frameType() frameType      { return typeQuery }
func (Answer) frameType() frameType     { return typeAnswer }
func (join) frameType() frameType       { return typeJoin }
func (JoinAnswer) frameType() frameType { return typeJoined }
func (stored) frameType() frameType     { return typeStored }
func (confirmed) frameType() frameType  { return typeConfirmed }
func (hashPage) frameType() frameType   { return typeHashes }
func (recordPage) frameType() frameType { return typeRecords }
func (synced) frameType() frameType     { return typeSynced }

func (h hello) check() error { return checkNames(h.Name, h.Version) }

func (o Offer) check() error {
	return errors.Join(checkNames(o.Task, o.Keep, o.Share, o.Pool), named("task", o.Task), named("share", o.Share),
		within("open runs", len(o.Open), MaxOpen))
}

func (h Have) check() error {
	return errors.Join(within("snapshots", len(h.Snapshots), MaxHeld), within("path", len(h.ReplicaPath), maxPath),
		within("ended runs", len(h.Ended), MaxOpen), within("position", len(h.Resume), maxName))
}

func (b Begin) check() error {
	if b.Lanes < 1 || b.Lanes > maxLanes {
		return fmt.Errorf("%d lanes", b.Lanes)
	}
	return errors.Join(notNegative(b.EstimateBytes), within("position", len(b.From), maxName))
}

func (p progress) check() error  { return notNegative(p.Applied) }
func (e end) check() error       { return notNegative(e.Bytes) }
func (c Committed) check() error { return notNegative(c.Bytes) }

func (r Refusal) check() error {
	if r.Code == 0 {
		return errors.New("no code")
	}
	return errors.Join(within("text", len(r.Text), maxText), within("facts", len(r.Facts), maxFacts))
}

func (a abort) check() error  { return within("text", len(a.Text), maxText) }
func (q Query) check() error  { return within("body", len(q.Body), maxBody) }
func (a Answer) check() error { return within("body", len(a.Body), maxBody) }

func (j join) check() error {
	if j.Hello.Members < 0 {
		return fmt.Errorf("%d members", j.Hello.Members)
	}
	return errors.Join(checkNames(j.Hello.Name, j.Hello.Version), checkList(j.Hello.Listen, maxListed))
}

func (a JoinAnswer) check() error {
	return errors.Join(checkNames(a.Name, a.Version), checkList(a.Addresses, maxListed),
		checkList(a.Granted, maxListed), checkList(a.Appliances, maxMembers),
		within("admission", len(a.Admission), maxRecord), within("removals", max(len(a.Held), len(a.Vouched)), maxRulings))
}

func (s stored) check() error {
	if n := len(s.Consent); n != 0 && n != ed25519.SignatureSize {
		return fmt.Errorf("consent of %d bytes", n)
	}
	return nil
}

func (confirmed) check() error { return nil }
func (synced) check() error    { return nil }

// Answer encodes i as the body of an answer. It fails if that exceeds 60 KiB.
func (i Info) Answer() (Answer, error) {
	body, err := encode(i)
	if err != nil {
		return Answer{}, fmt.Errorf("encode info: %w", err)
	}
	a := Answer{Body: body}
	return a, a.check()
}

// ParseInfo decodes the answer to QueryInfo. The error wraps ErrBadStream.
func ParseInfo(a Answer) (Info, error) {
	var i Info
	if err := decode(a.Body, &i); err != nil {
		return Info{}, fmt.Errorf("decode info: %w: %w", ErrBadStream, err)
	}
	if err := errors.Join(checkNames(i.Name, i.Version), within("pools", len(i.Pools), maxListed)); err != nil {
		return Info{}, fmt.Errorf("check info: %w: %w", ErrBadStream, err)
	}
	return i, nil
}

func checkNames(names ...string) error {
	for _, n := range names {
		if err := within("name", len(n), maxName); err != nil {
			return err
		}
	}
	return nil
}

func checkList(names []string, most int) error {
	return errors.Join(within("list", len(names), most), checkNames(names...))
}

func within(what string, n, most int) error {
	if n > most {
		return fmt.Errorf("%s of %d, at most %d", what, n, most)
	}
	return nil
}

func named(what, name string) error {
	if name == "" {
		return fmt.Errorf("no %s", what)
	}
	return nil
}

func notNegative(n int64) error {
	if n < 0 {
		return fmt.Errorf("%d bytes", n)
	}
	return nil
}
