package stream

import (
	"errors"
	"fmt"
	"time"

	"btrmesh/btrfs"
)

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

func (Query) frameType() frameType  { return typeQuery }
func (Answer) frameType() frameType { return typeAnswer }

func (q Query) check() error { return within("body", len(q.Body), maxBody) }

func (a Answer) check() error { return within("body", len(a.Body), maxBody) }

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
