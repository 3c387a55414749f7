package stream

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestMeasureCountsWhatTheTargetTook(t *testing.T) {
	onBothNets(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		for _, kind := range []LaneKind{LaneQUIC, LaneTCP} {
			limit := NewRate(1 << 20)
			got, err := a.Measure(t.Context(), b.id, kind, 2*time.Second, limit)
			if err != nil {
				t.Fatal(kind, err)
			}
			if got.Kind != kind || got.Bytes < 7<<18 || got.Bytes > 9<<18 {
				t.Errorf("%+v", got)
			}
			if r := got.PerSecond(); r < 900<<10 || r > 1100<<10 {
				t.Errorf("%s: %d bytes/s at a limit of 1 MiB/s, %+v", kind, r, got)
			}
		}
		synctest.Wait()
		if len(a.cables.open)+len(b.cables.open) != 0 || len(b.sinks.busy) != 0 {
			t.Error("something is left behind")
		}
	})
}

func TestMeasurementsOfOnePeerDoNotOverlap(t *testing.T) {
	for _, kind := range []LaneKind{LaneQUIC, LaneTCP} {
		onBothNets(t, 2, latency, func(t *testing.T, f *fabric) {
			t.Helper()
			a, b := f.nodes[0], f.nodes[1]
			var first sync.WaitGroup
			limit := NewRate(1 << 20)
			first.Go(func() {
				if _, err := a.Measure(t.Context(), b.id, LaneQUIC, 5*time.Second, limit); err != nil {
					t.Error(err)
				}
			})
			time.Sleep(time.Second)
			if _, err := a.Measure(t.Context(), b.id, kind, time.Second); !errors.Is(err, &Refusal{Code: Busy}) {
				t.Errorf("%s: %v", kind, err)
			}
			first.Wait()
		})
	}
}

func TestMeasureEndsWithItsContext(t *testing.T) {
	for _, kind := range []LaneKind{LaneQUIC, LaneTCP} {
		onBothNets(t, 2, latency, func(t *testing.T, f *fabric) {
			t.Helper()
			if _, err := f.nodes[0].Measure(cancelled(t), f.nodes[1].id, kind, time.Second); err == nil {
				t.Error("measured although nobody waits")
			}
		})
	}
}
