package btrfs

import (
	"encoding/hex"
	"fmt"
)

// UUID identifies a file system or a subvolume. The zero value means none.
type UUID [16]byte

// uuidText is the shape of the text: where the dashes stand, and its length.
const uuidText = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"

// ParseUUID reads the form that String writes; upper case is accepted.
func ParseUUID(s string) (UUID, error) {
	var u UUID
	if len(s) != len(uuidText) {
		return UUID{}, fmt.Errorf("parse uuid %.40q: want %d characters, have %d", s, len(uuidText), len(s))
	}
	digits := make([]byte, 0, 2*len(u))
	for i := range len(s) {
		if isDash := uuidText[i] == '-'; isDash != (s[i] == '-') {
			return UUID{}, fmt.Errorf("parse uuid %q: dashes are not at 8-4-4-4-12", s)
		} else if !isDash {
			digits = append(digits, s[i])
		}
	}
	if _, err := hex.Decode(u[:], digits); err != nil {
		return UUID{}, fmt.Errorf("parse uuid %q: %w", s, err)
	}
	return u, nil
}

// String returns u in lower case as 8-4-4-4-12.
func (u UUID) String() string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

// IsZero reports whether u means none.
func (u UUID) IsZero() bool { return u == UUID{} }

// MarshalText returns the text of String; the zero UUID is the empty text.
func (u UUID) MarshalText() ([]byte, error) {
	if u.IsZero() {
		return []byte{}, nil
	}
	return []byte(u.String()), nil
}

// UnmarshalText reads what MarshalText wrote.
func (u *UUID) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*u = UUID{}
		return nil
	}
	v, err := ParseUUID(string(text))
	if err != nil {
		return err
	}
	*u = v
	return nil
}

// MarshalBinary returns the 16 bytes of u.
func (u UUID) MarshalBinary() ([]byte, error) { return u[:], nil }

// UnmarshalBinary copies 16 bytes into u.
func (u *UUID) UnmarshalBinary(b []byte) error {
	if len(b) != len(u) {
		return fmt.Errorf("decode uuid: want %d bytes, have %d", len(u), len(b))
	}
	copy(u[:], b)
	return nil
}
