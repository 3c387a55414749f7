package stream

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"btrmesh/certs"
)

func overTCP(certs.ID) LanePolicy { return LanesTCP }

func TestRunOverTCPSurvivesItsLanes(t *testing.T) {
	onBothNets(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		a.c.LanePolicy = overTCP
		var got bytes.Buffer
		result := b.keep(&got)
		want := randomBytes(24 << 20)
		out, _ := begin(t, a, b)
		defer out.Close()
		for i := 0; i < len(want); i += maxChunk {
			if i == 8<<20 || i == 16<<20 {
				time.Sleep(time.Second)
				f.tcp.kill()
			}
			if _, err := out.Write(want[i : i+maxChunk]); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := out.End(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-result; err != nil || !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%d bytes, %v", got.Len(), err)
		}
	})
}

func TestRunThatMayUseTCPAloneFailsWithoutIt(t *testing.T) {
	onBothNets(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		a.c.LanePolicy = overTCP
		f.tcp.refuse(b.addr)
		b.keep(new(bytes.Buffer))
		begun := time.Now()
		_, err := a.sendAll(t.Context(), b, randomBytes(24<<20), Begin{})
		no, ok := errors.AsType[*NoTCPError](err)
		if !ok || no.Addr != b.addr || no.Why != "refused" || time.Since(begun) > time.Minute {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
	})
}
