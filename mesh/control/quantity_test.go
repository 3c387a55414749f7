package control_test

import (
	"testing"
	"time"

	"btrmesh/mesh/control"
)

func TestSizesReadAsPeopleWriteThem(t *testing.T) {
	for _, c := range []struct {
		units control.Units
		n     int64
		want  string
	}{
		{control.IEC, 0, "0 B"},
		{control.IEC, 1023, "1023 B"},
		{control.IEC, 1024, "1.0 KiB"},
		{control.IEC, 42198302720, "39.3 GiB"},
		{control.IEC, 1<<20 - 1, "1.0 MiB"}, // never 1024.0 KiB
		{control.IEC, 1<<63 - 1, "8.0 EiB"},
		{control.SI, 999, "999 B"},
		{control.SI, 999_999, "1.0 MB"},
		{control.SI, 1500, "1.5 kB"},
		{control.Bytes, 123456789, "123456789 B"},
	} {
		if got := c.units.Size(c.n); got != c.want {
			t.Errorf("size of %d is %q, want %q", c.n, got, c.want)
		}
	}
	if got := control.IEC.Of(42198302720, 68719476736); got != "39.3 of ~64.0 GiB" {
		t.Errorf("part of whole is %q", got)
	}
	if got := control.IEC.Rate(110100480); got != "105 MiB/s" {
		t.Errorf("rate is %q", got)
	}
	if got := control.IEC.Rate(1572864); got != "1.5 MiB/s" {
		t.Errorf("slow rate is %q", got)
	}
}

func TestDurationsHaveAtMostTwoUnits(t *testing.T) {
	for text, want := range map[string]string{
		"0": "0s", "400us": "0.4ms", "8ms": "8ms", "9.96ms": "9ms", "250ms": "250ms", "12.9s": "12s", "59.99s": "59s",
		"124s": "2m04s", "300s": "5m", "1h6m59s": "1h06m", "3h": "3h", "146h30m": "6d02h", "288h": "12d", "-2m": "-2m",
	} {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := control.Duration(d); got != want {
			t.Errorf("%s is %q, want %q", text, got, want)
		}
	}
	if got := control.Ago(1999 * time.Millisecond); got != "now" {
		t.Errorf("just before is %q", got)
	}
	if got := control.InWords(4*time.Minute + 59*time.Second); got != "4 minutes" {
		t.Errorf("in words it is %q", got)
	}
	if got := control.Seconds(1e300); got <= 0 {
		t.Errorf("an endless lag is %s", got)
	}
}

func TestProgressIsClampedToItsEstimate(t *testing.T) {
	p := control.Progress{DoneBytes: 150, EstimateBytes: new(int64(100)), BytesPerSecond: new(10.0)}
	if f, ok := p.Fraction(); !ok || f != 1 {
		t.Errorf("fraction is %v %v", f, ok)
	}
	if left, ok := p.Remaining(); !ok || left != 0 {
		t.Errorf("remaining is %v %v", left, ok)
	}
	p.DoneBytes = 50
	if left, ok := p.Remaining(); !ok || left != 5*time.Second {
		t.Errorf("remaining is %v %v", left, ok)
	}
	p.BytesPerSecond = new(0.0)
	if _, ok := p.Remaining(); ok {
		t.Error("a standing transfer has a remaining time")
	}
	p.EstimateBytes = nil
	if _, ok := p.Fraction(); ok {
		t.Error("without an estimate there is a fraction")
	}
}
