package control

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Units is how sizes are written.
type Units uint8

// The units. The zero value is IEC.
const (
	IEC   Units = 0 // powers of 1024: KiB
	SI    Units = 1 // powers of 1000: kB
	Bytes Units = 2 // plain bytes
)

// prefixes of the units above one byte, IEC then SI.
const (
	iecPrefixes = "KMGTPE"
	siPrefixes  = "kMGTPE"
)

// scale finds the unit for n bytes: its size in bytes and its name, such that
// n never prints as 1024.0 of a unit.
func (u Units) scale(n float64) (size float64, name string) {
	base, prefixes, suffix := 1024.0, iecPrefixes, "iB"
	switch u {
	case Bytes:
		return 1, "B"
	case SI:
		base, prefixes, suffix = 1000, siPrefixes, "B"
	case IEC:
	}
	size, name = 1, "B"
	for _, prefix := range prefixes {
		if n < base*size && (size == 1 || n/size < base-0.05) {
			break
		}
		size *= base
		name = string(prefix) + suffix
	}
	return size, name
}

// Size returns n bytes as text: "39.3 GiB", one decimal from 1 KiB up.
func (u Units) Size(n int64) string {
	size, name := u.scale(float64(n))
	if size == 1 {
		return fmt.Sprintf("%d %s", n, name)
	}
	return fmt.Sprintf("%.1f %s", float64(n)/size, name)
}

// Of returns done and total in the unit of total: "39.3 of ~64.0 GiB".
func (u Units) Of(done, total int64) string {
	size, name := u.scale(float64(total))
	if size == 1 {
		return fmt.Sprintf("%d of ~%d %s", done, total, name)
	}
	return fmt.Sprintf("%.1f of ~%.1f %s", float64(done)/size, float64(total)/size, name)
}

// Rate returns bytes per second as text: "105 MiB/s", "1.5 MiB/s".
func (u Units) Rate(bytesPerSecond float64) string {
	size, name := u.scale(bytesPerSecond)
	v := bytesPerSecond / size
	if size == 1 || v >= 9.95 {
		return fmt.Sprintf("%.0f %s/s", v, name)
	}
	return fmt.Sprintf("%.1f %s/s", v, name)
}

// Duration returns d as text with at most two units: "3h12m", "2m04s",
// "6d02h", "0.4ms". A second unit of zero is left out.
func Duration(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + Duration(-d)
	case d == 0:
		return "0s"
	case d < 9950*time.Microsecond:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(d)/float64(time.Millisecond)), ".0") + "ms"
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return twoUnits(d, time.Minute, "m", time.Second, "s")
	case d < 24*time.Hour:
		return twoUnits(d, time.Hour, "h", time.Minute, "m")
	}
	return twoUnits(d, 24*time.Hour, "d", time.Hour, "h")
}

// twoUnits writes d in a major and, unless zero, a two-digit minor unit.
func twoUnits(d, major time.Duration, majorName string, minor time.Duration, minorName string) string {
	text := fmt.Sprintf("%d%s", d/major, majorName)
	if rest := d % major / minor; rest > 0 {
		text += fmt.Sprintf("%02d%s", rest, minorName)
	}
	return text
}

// Seconds returns the duration of a JSON number of seconds; one too long for a
// time.Duration becomes the longest.
func Seconds(s float64) time.Duration {
	if s >= math.MaxInt64/float64(time.Second) {
		return math.MaxInt64
	}
	return time.Duration(s * float64(time.Second))
}

// Ago returns how long ago something was: "2m04s ago", "now" below 2 s.
func Ago(d time.Duration) string {
	if d < 2*time.Second {
		return "now"
	}
	return Duration(d) + " ago"
}

// Count returns n with its noun: "1 run", "2 runs".
func Count(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// InWords returns d in its largest unit spelled out: "4 minutes".
func InWords(d time.Duration) string {
	switch {
	case d < time.Minute:
		return Count(int64(d/time.Second), "second")
	case d < time.Hour:
		return Count(int64(d/time.Minute), "minute")
	case d < 24*time.Hour:
		return Count(int64(d/time.Hour), "hour")
	}
	return Count(int64(d/(24*time.Hour)), "day")
}
