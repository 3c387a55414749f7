package control_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"btrmesh/mesh/control"
)

func TestSilencesAreInTheHeadByName(t *testing.T) {
	c := serve(t, control.Read, func(s *control.Server) {
		control.Handle(s, control.RoutePools, func(ctx context.Context, r control.PoolsRequest) ([]control.Pool, error) {
			if !r.All {
				return nil, nil
			}
			var wg sync.WaitGroup
			for _, name := range []string{"nas-d", "nas-b", "nas-c"} {
				wg.Go(func() { control.NoteSilence(ctx, control.Silence{Appliance: name, AsOf: testTime.UTC()}) })
			}
			wg.Wait()
			return nil, nil
		})
	})
	a, err := c.Pools(t.Context(), control.PoolsRequest{All: true})
	if err != nil {
		t.Fatal(err)
	}
	want := []control.Silence{{Appliance: "nas-b", AsOf: testTime.UTC()}, {Appliance: "nas-c", AsOf: testTime.UTC()}, {Appliance: "nas-d", AsOf: testTime.UTC()}}
	if diff := cmp.Diff(want, a.Silent); diff != "" {
		t.Error(diff)
	}
	a, err = c.Pools(t.Context(), control.PoolsRequest{})
	if err != nil || strings.Contains(string(a.Raw), "silent") {
		t.Errorf("without silence the answer is %s, %v", a.Raw, err)
	}
}

func TestSilenceOutsideAnAnswerIsNothing(t *testing.T) {
	control.NoteSilence(t.Context(), control.Silence{Appliance: "nas-b"})
}

func TestMeshTaskIsATaskWithItsAppliance(t *testing.T) {
	line, err := control.Encode(control.Head{}, control.MeshTask{Appliance: "nas-b", Task: control.Task{Name: "docs-nas-a"}})
	if err != nil || !strings.Contains(string(line), `"item":{"appliance":"nas-b","task":"docs-nas-a",`) {
		t.Errorf("it is %s, %v", line, err)
	}
}

func TestTwinOfThisApplianceIsCriticalAndOfAnotherIsNot(t *testing.T) {
	mine := control.Twin{Appliance: "nas-a", Self: true, Addresses: []string{"10.0.0.9:7945"}}.Warning()
	if mine.Level != control.Critical || !strings.Contains(mine.Text, "To settle it, stop btrmesh on the copy") || len(mine.Hints) != 1 {
		t.Errorf("of this one: %+v", mine)
	}
	other := control.Twin{Appliance: "nas-b", Addresses: []string{"10.0.0.8:7945", "10.0.0.9:7945"}}.Warning()
	want := "the key of nas-b is used by two machines (10.0.0.8:7945, 10.0.0.9:7945)."
	if other.Level != control.Degraded || other.Text != want {
		t.Errorf("of another: %+v", other)
	}
}

func TestHintsOfABigHoldAreBounded(t *testing.T) {
	h := control.HeldRemoval{By: "nas-b", Members: 20}
	for range 12 {
		h.Subjects = append(h.Subjects, "nas-x")
	}
	if got := len(h.Warning().Hints); got != 9 {
		t.Errorf("%d hints, want 9", got)
	}
}
