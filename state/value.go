package state

import (
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// valueVersion is the first byte of each value; a CBOR map with integer keys
// (RFC 8949, core deterministic) follows. Fields of zero are left out, unknown
// ones ignored, numbers of fields never used twice. Times are RFC 3339 text in
// UTC with nanoseconds.
const valueVersion = 1

// maxValue bounds a value, version included. It stays below Badger's
// ValueThreshold, so that the value log is not used.
const maxValue = 32 << 10

// codec turns values into bytes and back. It is safe for concurrent use.
type codec struct {
	enc cbor.EncMode
	dec cbor.DecMode
}

func newCodec() (codec, error) {
	encoding := cbor.CoreDetEncOptions()
	encoding.Time = cbor.TimeRFC3339NanoUTC
	enc, err := encoding.EncMode()
	if err != nil {
		return codec{}, fmt.Errorf("prepare encoder: %w", err)
	}
	dec, err := cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		IndefLength:      cbor.IndefLengthForbidden,
		MaxNestedLevels:  8,
		MaxArrayElements: 1024,
		MaxMapPairs:      256,
		UTF8:             cbor.UTF8DecodeInvalid, // names of shares are bytes to the kernel
	}.DecMode()
	if err != nil {
		return codec{}, fmt.Errorf("prepare decoder: %w", err)
	}
	return codec{enc: enc, dec: dec}, nil
}

func (c codec) encode(v any) ([]byte, error) {
	body, err := c.enc.Marshal(v)
	if err != nil {
		return nil, err
	}
	if len(body) >= maxValue {
		return nil, fmt.Errorf("%d bytes, the most is %d", len(body)+1, maxValue)
	}
	return append([]byte{valueVersion}, body...), nil
}

// decode reads value into the struct v points to.
func (c codec) decode(value []byte, v any) error {
	switch {
	case len(value) == 0:
		return fmt.Errorf("empty value")
	case len(value) > maxValue:
		return fmt.Errorf("%d bytes, the most is %d", len(value), maxValue)
	case value[0] != valueVersion:
		return fmt.Errorf("value version %d, this program knows %d", value[0], valueVersion)
	}
	return c.dec.Unmarshal(value[1:], v)
}
