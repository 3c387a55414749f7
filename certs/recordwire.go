package certs

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

const (
	recordVersion = 1
	recordSize    = 1024 // bytes of a record, signatures included
	// timeMax is 9999-12-31T23:59:59.999Z in milliseconds since 1970, the last
	// moment that has a text (RFC 3339).
	timeMax = 253402300799999
)

// A record is the CBOR array [payload, signature] or, where a second key has to
// agree, [payload, signature, consent]: byte strings, the last two of 64 bytes.
// The payload is a map of header and body. All of it is in the one canonical
// form of CTAP 2.1 section 6 (definite and shortest lengths, sorted keys).
type envelope struct {
	payload   []byte
	signature []byte
	consent   []byte // nil if there is none
}

// header begins every payload. Keys 7 to 15 are reserved; a body has 16 to 31.
type header struct {
	Version  uint8      `cbor:"1,keyasint"`
	Kind     RecordKind `cbor:"2,keyasint"`
	Mesh     MeshID     `cbor:"3,keyasint"` // zero in a genesis, whose hash it is
	Issuer   key32      `cbor:"4,keyasint"`
	At       int64      `cbor:"5,keyasint"` // milliseconds since 1970
	Cosigner *key32     `cbor:"6,keyasint,omitempty"`
}

type genesisPayload struct {
	header
	Name  string  `cbor:"16,keyasint"`
	Nonce bytes32 `cbor:"17,keyasint"`
}

// admitPayload has the subject's key as cosigner.
type admitPayload struct {
	header
	Name     string  `cbor:"16,keyasint"`
	InviteID bytes5  `cbor:"17,keyasint"`
	Instance bytes16 `cbor:"18,keyasint"`
}

type revokePayload struct {
	header
	Subject ID           `cbor:"16,keyasint"`
	Reason  Reason       `cbor:"17,keyasint"`
	Keeps   []RecordHash `cbor:"18,keyasint,omitempty"`
}

type describePayload struct {
	header
	Seq         uint64   `cbor:"16,keyasint"`
	Name        string   `cbor:"17,keyasint"`
	Addresses   []string `cbor:"18,keyasint,omitempty"`
	Port        uint16   `cbor:"19,keyasint,omitempty"`
	Version     string   `cbor:"20,keyasint,omitempty"`
	ProtocolMin uint16   `cbor:"21,keyasint"`
	ProtocolMax uint16   `cbor:"22,keyasint"`
	Instance    bytes16  `cbor:"23,keyasint"`
	Boots       uint64   `cbor:"24,keyasint"`
}

// openEnvelope reads the outer array without a look at payload or signatures.
func openEnvelope(raw []byte) (envelope, error) {
	if len(raw) > recordSize {
		return envelope{}, fmt.Errorf("%d bytes, the most is %d", len(raw), recordSize)
	}
	var parts [][]byte
	if err := decodeCanonical(raw, &parts); err != nil {
		return envelope{}, err
	}
	if len(parts) != 2 && len(parts) != 3 {
		return envelope{}, fmt.Errorf("%d parts instead of 2 or 3", len(parts))
	}
	for _, sig := range parts[1:] {
		if len(sig) != ed25519.SignatureSize {
			return envelope{}, fmt.Errorf("signature of %d bytes", len(sig))
		}
	}
	e := envelope{payload: parts[0], signature: parts[1]}
	if len(parts) == 3 {
		e.consent = parts[2]
	}
	return e, nil
}

func (e envelope) seal() ([]byte, error) {
	parts := [][]byte{e.payload, e.signature}
	if e.consent != nil {
		parts = append(parts, e.consent)
	}
	return encodeRecord(parts)
}

func (e envelope) hash() RecordHash { return sha256.Sum256(e.payload) }

// decodeHeader reads the header of a payload whose canonical form is checked.
func (e envelope) decodeHeader() (header, error) {
	var all map[uint64]any
	if err := decodeCanonical(e.payload, &all); err != nil {
		return header{}, err
	}
	var h header
	if err := decodeRecord(e.payload, &h); err != nil {
		return header{}, err
	}
	return h, h.check()
}

func (h header) check() error {
	switch {
	case h.Version != recordVersion:
		return fmt.Errorf("unknown version %d", h.Version)
	case h.Kind == 0:
		return errors.New("no kind")
	case (h.Kind == Genesis) != h.Mesh.IsZero():
		return fmt.Errorf("%s of mesh %s", h.Kind, h.Mesh.Short())
	case h.Issuer == key32{}:
		return errors.New("no issuer")
	case h.At < 0 || h.At > timeMax:
		return fmt.Errorf("time %d is out of range", h.At)
	case h.Cosigner != nil && *h.Cosigner == key32{}:
		return errors.New("empty second key")
	}
	return nil
}

// signedMessage is what the issuer signs; a genesis is signed for the zero mesh.
func signedMessage(mesh MeshID, payload []byte) []byte {
	return bytes.Join([][]byte{[]byte("btrmesh/record/v1\x00"), mesh[:], payload}, nil)
}

// consentMessage is what the second key signs.
func consentMessage(mesh MeshID, hash RecordHash) []byte {
	return bytes.Join([][]byte{[]byte("btrmesh/consent/v1\x00"), mesh[:], hash[:]}, nil)
}

// decodeCanonical reads b into v and fails unless v encodes to b again.
func decodeCanonical(b []byte, v any) error {
	if err := decodeRecord(b, v); err != nil {
		return err
	}
	again, err := encodeRecord(v)
	if err != nil {
		return err
	}
	if !bytes.Equal(again, b) {
		return errors.New("not in canonical form")
	}
	return nil
}

func encodeRecord(v any) ([]byte, error) {
	mode, err := cbor.CTAP2EncOptions().EncMode()
	if err != nil {
		return nil, err
	}
	return mode.Marshal(v)
}

func decodeRecord(b []byte, v any) error {
	mode, err := cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		IndefLength:      cbor.IndefLengthForbidden,
		TagsMd:           cbor.TagsForbidden,
		MaxNestedLevels:  8,
		MaxArrayElements: 64,
		MaxMapPairs:      64,
	}.DecMode()
	if err != nil {
		return err
	}
	return mode.Unmarshal(b, v)
}
