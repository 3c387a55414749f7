package main

import (
	"testing"
	"time"
)

func TestFrequenciesAreSecondsOrDurations(t *testing.T) {
	for text, want := range map[string]int64{
		"300": 300, "0300": 300, "300s": 300, "5m": 300, "1h": 3600, "1h30m": 5400, "1d": 86400, "1d12h": 129600,
		"59": 0, "1m0.5s": 0, "5 minutes": 0, "": 0, "-300": 0, "0x12c": 0, "1h1d": 0, "d": 0, "99999999999": 0, "1d25h": 0,
	} {
		v := &everyValue{}
		err := v.Set(text)
		if (err == nil) != (want != 0) || (err == nil && v.seconds != want) {
			t.Errorf("--every %q is %d, %v, want %d", text, v.seconds, err, want)
		}
		if (v.failure() == nil) != (err == nil) {
			t.Errorf("--every %q forgets why it was refused", text)
		}
	}
}

func TestDurationsHaveDays(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"30d": 720 * time.Hour, "24h": 24 * time.Hour, "500ms": 500 * time.Millisecond, "10": 10 * time.Second, "0": 0, "x": 0, "99999d": 0,
	} {
		v := &durationValue{flag: "--since"}
		if err := v.Set(text); (err == nil) != (want != 0) || v.d != want {
			t.Errorf("--since %q is %s, %v, want %s", text, v.d, err, want)
		}
	}
}

func TestSizesAreOfTwoPowers(t *testing.T) {
	for text, want := range map[string]int64{
		"1": 1, "4096B": 4096, "2T": 2 << 40, "1.5G": 3 << 29, "1KiB": 1024, "500MB": 500e6, "2TB": 2e12, "1K": 1024, "1KB": 1000,
		"": 0, "0": 0, "-1": 0, "1e3": 0, "1X": 0, "1BB": 0, "1GG": 0, "T": 0, "9999999999T": 0, "1.5.5G": 0, "NaN": 0, "Inf": 0, "1iB": 0, "0.5": 0,
	} {
		v := &sizeValue{flag: "--quota"}
		if err := v.Set(text); (err == nil) != (want != 0) || v.bytes != want {
			t.Errorf("--quota %q is %d, %v, want %d", text, v.bytes, err, want)
		}
	}
}

func TestCountsAreDecimal(t *testing.T) {
	for text, want := range map[string]int64{"20": 20, "010": 10, "0x10": 0, "0": 0, "-1": 0, "1.5": 0, "": 0, "3000000000": 0} {
		v := &countValue{flag: "--limit"}
		if err := v.Set(text); (err == nil) != (want != 0) || v.n != want {
			t.Errorf("-n %q is %d, %v, want %d", text, v.n, err, want)
		}
	}
}

func TestKeepSpecsHaveTheirForm(t *testing.T) {
	for text, good := range map[string]bool{
		"24": true, "last=24": true, "last=24,daily=7,weekly=4": true, "monthly=1,hourly=2": true,
		"": false, "last": false, "last=": false, "last=x": false, "yearly=1": false, "last=1,last=2": false, "24,daily=7": false, "last=1,": false,
	} {
		v := &keepValue{}
		if err := v.Set(text); (err == nil) != good {
			t.Errorf("--keep-target %q: %v", text, err)
		}
	}
}
