package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"btrmesh/mesh/control"
)

// rejected remembers why a flag's value was refused: the library keeps only
// the text of an error.
type rejected struct{ err *control.Error }

func (r *rejected) failure() *control.Error { return r.err }

// reject notes an error, which is nil for a good value, and returns it.
func (r *rejected) reject(e *control.Error) error {
	if e == nil {
		return nil
	}
	r.err = e
	return e
}

// everyValue is a frequency in whole seconds.
type everyValue struct {
	rejected
	seconds int64 // 0: not given
}

func (v *everyValue) String() string { return number(v.seconds) }

// Set reads 300, 300s, 5m or 1h.
func (v *everyValue) Set(text string) error {
	d, ok := parseDuration(text)
	v.seconds = int64(d / time.Second)
	switch {
	case !ok || d%time.Second != 0:
		return v.reject(control.Errorf(control.CodeBadFrequency, "cannot read --every %q.", text).
			Fact("give seconds (300) or a duration (300s, 5m, 1h)"))
	case v.seconds < control.LeastEverySeconds:
		return v.reject(control.FrequencyTooSmall(v.seconds))
	}
	return nil
}

// durationValue is a duration, with days.
type durationValue struct {
	rejected
	flag string
	d    time.Duration // 0: not given
}

func (v *durationValue) String() string {
	if v.d == 0 {
		return ""
	}
	return v.d.String()
}

// Set reads 30, 30s, 15m, 24h, 7d.
func (v *durationValue) Set(text string) error {
	d, ok := parseDuration(text)
	if !ok || d <= 0 {
		return v.reject(control.Usage("cannot read %s %q.", v.flag, text).Fact("give a duration (30s, 15m, 24h, 7d)"))
	}
	v.d = d
	return nil
}

// parseDuration reads a number of seconds, or numbers with the units ms, s, m,
// h and d, largest first.
func parseDuration(text string) (time.Duration, bool) {
	if n, err := strconv.ParseUint(text, 10, 32); err == nil {
		return time.Duration(n) * time.Second, true
	}
	days, rest, hasDays := strings.Cut(text, "d")
	if !hasDays {
		d, err := time.ParseDuration(text)
		return d, err == nil && d >= 0
	}
	n, err := strconv.ParseUint(days, 10, 16) // 65535 days are 180 years
	if err != nil {
		return 0, false
	}
	d := time.Duration(n) * 24 * time.Hour
	if rest == "" {
		return d, true
	}
	more, ok := parseDuration(rest)
	return d + more, ok && more < 24*time.Hour
}

// sizeValue is a number of bytes.
type sizeValue struct {
	rejected
	flag  string
	bytes int64 // 0: not given
}

func (v *sizeValue) String() string { return number(v.bytes) }

// Set reads a SIZE such as 2T, 1.5G, 500MB.
func (v *sizeValue) Set(text string) error {
	n, ok := parseSize(text)
	if !ok {
		return v.reject(control.Usage("cannot read %s %q.", v.flag, text).
			Fact("give a size: 500G, 1.5T (powers of 1024), 500GB, 2TB (powers of 1000)"))
	}
	v.bytes = n
	return nil
}

// parseSize reads a positive integer or decimal with K M G T, KiB MiB GiB TiB
// (powers of 1024) or KB MB GB TB (powers of 1000).
func parseSize(text string) (int64, bool) {
	digits := strings.TrimRight(text, "KMGTiB")
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || strings.Trim(digits, "0123456789.") != "" {
		return 0, false
	}
	unit, ok := sizeUnit(text[len(digits):])
	n *= unit
	return int64(n), ok && n >= 1 && n < math.MaxInt64
}

// sizeUnit returns how many bytes a unit has.
func sizeUnit(unit string) (float64, bool) {
	if unit == "" || unit == "B" {
		return 1, true
	}
	power := float64(strings.Index("KMGT", unit[:1]) + 1)
	switch unit[1:] {
	case "", "iB":
		return math.Pow(1024, power), power > 0
	case "B":
		return math.Pow(1000, power), power > 0
	}
	return 0, false
}

// countValue is a number of things, at least one.
type countValue struct {
	rejected
	flag string
	n    int64
}

func (v *countValue) String() string { return number(v.n) }

// Set reads decimal digits; leading zeros mean nothing.
func (v *countValue) Set(text string) error {
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil || n == 0 {
		return v.reject(control.Usage("cannot read %s %q.", v.flag, text).Fact("give a number, at least 1"))
	}
	v.n = int64(n)
	return nil
}

// keepValue is a SPEC of what to keep; the daemon gives it its meaning.
type keepValue struct {
	rejected
	spec string
}

func (v *keepValue) String() string { return v.spec }

// Set reads a number, or NAME=NUMBER pairs with commas.
func (v *keepValue) Set(text string) error {
	if !keepSyntax(text) {
		return v.reject(control.Usage("cannot read --keep-target %q.", text).
			Fact("give a number (24), or any of last=24,hourly=24,daily=7,weekly=4,monthly=12"))
	}
	v.spec = text
	return nil
}

// keepSyntax checks the form of a SPEC.
func keepSyntax(text string) bool {
	if isCount(text) {
		return true
	}
	free := []string{"last", "hourly", "daily", "weekly", "monthly"}
	for part := range strings.SplitSeq(text, ",") {
		name, count, ok := strings.Cut(part, "=")
		i := slices.Index(free, name)
		if !ok || i < 0 || !isCount(count) {
			return false
		}
		free = slices.Delete(free, i, i+1)
	}
	return true
}

// isCount tells whether text is a decimal number that fits.
func isCount(text string) bool {
	_, err := strconv.ParseUint(text, 10, 31)
	return err == nil
}

// unitsValue is how sizes are printed.
type unitsValue struct {
	rejected
	units control.Units
}

func (v *unitsValue) String() string { return "" }

// Set reads iec, si or bytes.
func (v *unitsValue) Set(text string) error {
	names := []string{control.IEC: "iec", control.SI: "si", control.Bytes: "bytes"}
	i := slices.Index(names, text)
	if i < 0 {
		return v.reject(control.Usage("cannot read --units %q.", text).Fact("give iec, si or bytes"))
	}
	v.units = control.Units(i)
	return nil
}

// number returns n as a flag's value in help, where 0 is nothing.
func number(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}
