package stream

import "github.com/fxamacker/cbor/v2"

// encode gives deterministic CBOR (CTAP2 rules): definite lengths, sorted
// integer keys, times as RFC 3339 text in UTC with nanoseconds.
func encode(v any) ([]byte, error) {
	opts := cbor.CTAP2EncOptions()
	opts.Time = cbor.TimeRFC3339NanoUTC
	mode, err := opts.EncMode()
	if err != nil {
		return nil, err
	}
	return mode.Marshal(v)
}

// decode reads one CBOR item that fills b. Unknown keys are ignored.
func decode(b []byte, v any) error {
	mode, err := cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		IndefLength:      cbor.IndefLengthForbidden,
		TagsMd:           cbor.TagsForbidden,
		MaxNestedLevels:  8,
		MaxArrayElements: 1024,
		MaxMapPairs:      64,
	}.DecMode()
	if err != nil {
		return err
	}
	return mode.Unmarshal(b, v)
}
