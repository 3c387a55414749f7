package sendstream

import (
	"strings"
	"testing"
)

// somePosition is within the data of a file.
func somePosition() Position {
	return Position{Meta: 12, DataEnd: 1 << 40, File: 0xfedc, Bytes: 1 << 33, Fingerprint: Fingerprint{0xab << 56, 1}}
}

func TestPositionIsReadAsWritten(t *testing.T) {
	for _, p := range []Position{{}, {Meta: 1}, somePosition(), {Meta: 1<<64 - 1, DataEnd: maxOffset, File: 1<<64 - 1, Bytes: maxOffset}} {
		text := p.String()
		if len(text) != PositionTextLen || strings.ToLower(text) != text {
			t.Errorf("text %q of %d characters", text, len(text))
		}
		var back Position
		if err := back.UnmarshalText([]byte(text)); err != nil || back != p {
			t.Errorf("%q is read as %v (%v)", text, back, err)
		}
	}
}

func TestPositionInAnotherFormIsRefused(t *testing.T) {
	good := somePosition().String()
	for what, text := range map[string]string{
		"empty":         "",
		"short":         good[1:],
		"long":          good + "0",
		"upper case":    strings.ToUpper(good),
		"no digit":      "g" + good[1:],
		"dash moved":    good[1:17] + "0" + good[17:],
		"dash for zero": "-" + good[1:],
		"plus sign":     "+" + good[1:],
		"far data":      good[:17] + "8" + good[18:],
		"long stream":   good[:51] + "8" + good[52:],
	} {
		p := Position{Meta: 7}
		if err := p.UnmarshalText([]byte(text)); err == nil || p != (Position{Meta: 7}) {
			t.Errorf("%s: %q is read as %v", what, text, p)
		}
	}
}

func FuzzPosition(f *testing.F) {
	f.Add(Position{}.String())
	f.Add(somePosition().String())
	f.Fuzz(func(t *testing.T, text string) {
		if p, err := ParsePosition(text); err == nil && p.String() != text {
			t.Fatalf("%q is read as %q", text, p)
		}
	})
}
