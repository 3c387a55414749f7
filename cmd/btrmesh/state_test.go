package main

import (
	"testing"

	"btrmesh/mesh/control"
)

func TestAHistorySaysWithWhomARunWasSent(t *testing.T) {
	s := &session{}
	for want, r := range map[string]control.Run{
		"ok": {Result: control.ResultOK},
		"ok; sent together with photos-nas-c, photos-nas-d": {Result: control.ResultOK, Company: control.Company{Together: []string{"photos-nas-c", "photos-nas-d"}}},
		"ok; sent together with photos-nas-b; sent separately from 12.3 GiB on: nas-c was slower": {
			Result: control.ResultOK, Target: "nas-c", Company: control.Company{Together: []string{"photos-nas-b"}, ApartBytes: 13207024435},
		},
	} {
		if got := s.outcome(r); got != want {
			t.Errorf("it says %q, want %q", got, want)
		}
	}
}
