package mesh

import (
	"math"
	"testing"

	"btrmesh/btrfs"
	"btrmesh/stream"
)

func TestStreamMayTakeWhatFits(t *testing.T) {
	pool := btrfs.Space{Total: 1000, Free: 500}
	for name, c := range map[string]struct {
		room room
		most int64
		code stream.RefusalCode // when more comes
	}{
		"above the reserve":        {room{space: pool}, 450, stream.NoSpace},
		"of the quota":             {room{space: pool, quota: 200, used: 80}, 120, stream.QuotaExceeded},
		"of the quota, resumed":    {room{space: pool, quota: 200, used: 80, here: 100}, 20, stream.QuotaExceeded},
		"of the space, resumed":    {room{space: pool, here: 100}, 450, stream.NoSpace},
		"less than the quota":      {room{space: pool, quota: 10_000}, 450, stream.NoSpace},
		"nothing is left":          {room{space: btrfs.Space{Total: 1000}}, 1, stream.NoSpace},
		"nothing is left of quota": {room{space: pool, quota: 10, used: 11}, 1, stream.QuotaExceeded},
		"an enormous pool":         {room{space: btrfs.Space{Free: math.MaxUint64}}, math.MaxInt64, stream.NoSpace},
	} {
		if got := c.room.most(); got != c.most {
			t.Errorf("%s: %d bytes, want %d", name, got, c.most)
		}
		if got := c.room.exceeded(); got.Code != c.code {
			t.Errorf("%s: %v, want %v", name, got, c.code)
		}
	}
}

func TestResumedRunNeedsTheRestOnly(t *testing.T) {
	pool := btrfs.Space{Total: 1000, Free: 200}
	if no := (room{space: pool, here: 600}).refuse(700); no != nil {
		t.Errorf("refused: %v", no)
	}
	if no := (room{space: pool}).refuse(700); no == nil {
		t.Error("not refused from its beginning")
	}
	if no := (room{space: pool, quota: 650, here: 600}).refuse(700); no == nil || no.Code != stream.QuotaExceeded {
		t.Errorf("beyond the quota: %v", no)
	}
}
