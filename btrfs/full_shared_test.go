package btrfs

import (
	"math/rand/v2"
	"testing"
)

func TestSeenTwiceMissesNothing(t *testing.T) {
	var s seenTwice
	if s.maybe(fileExtent{disk: 1}) {
		t.Error("an empty one has seen something")
	}
	random := rand.New(rand.NewPCG(1, 2))
	known := map[uint64]int{}
	for range 10_000 {
		disk := random.Uint64N(8000) << 12
		known[disk]++
		s.add(fileExtent{disk: disk})
	}
	wrong := 0
	for disk, times := range known {
		switch maybe := s.maybe(fileExtent{disk: disk}); {
		case times > 1 && !maybe:
			t.Fatalf("%d came %d times, which was not seen", disk, times)
		case times == 1 && maybe:
			wrong++
		}
	}
	if wrong > 20 {
		t.Errorf("%d of %d are wrongly seen twice", wrong, len(known))
	}
}

func TestSentPartsAnswerWithWhatWasSent(t *testing.T) {
	id := extentID{disk: 1 << 20}
	parts := []sentPart{
		{into: 8192, end: 16384, ino: 257, offset: 0},
		{into: 32768, end: 33768, ino: 258, offset: 4096}, // ends with its file
	}
	for name, c := range map[string]struct {
		into, length uint64
		n            uint64
		sent         bool
		offset       uint64
	}{
		"before":             {0, 4096, 4096, false, 0},
		"up to it":           {0, 65536, 8192, false, 0},
		"its beginning":      {8192, 4096, 4096, true, 0},
		"within":             {12288, 4096, 4096, true, 4096},
		"over its end":       {12288, 65536, 4096, true, 4096},
		"between":            {16384, 4096, 4096, false, 0},
		"a shorter end":      {8192, 5000, 4096, true, 0},
		"an end in a sector": {12288, 100, 100, false, 0},
		"an end alike":       {32768, 1000, 1000, true, 4096},
		"an end not alike":   {32768, 1001, 1001, false, 0},
		"beyond an end":      {32768, 8192, 8192, false, 0},
	} {
		var s sentParts
		for _, p := range parts {
			s.add(id, p)
		}
		from, n, sent := s.find(id, c.into, c.length, 4096)
		if n != c.n || sent != c.sent || sent && from.offset != c.offset {
			t.Errorf("%s: %d bytes, sent: %v, from %+v", name, n, sent, from)
		}
	}
}

func TestSentPartsForgetTheOldest(t *testing.T) {
	var s sentParts
	for i := range uint64(3 * sentMost) {
		s.add(extentID{disk: i}, sentPart{end: 4096})
	}
	if n := len(s.young) + len(s.old); n > 2*sentMost {
		t.Errorf("%d parts are remembered", n)
	}
	for _, c := range []struct {
		disk uint64
		want bool
	}{{0, false}, {2 * sentMost, true}, {3*sentMost - 1, true}} {
		if _, _, sent := s.find(extentID{disk: c.disk}, 0, 4096, 4096); sent != c.want {
			t.Errorf("extent %d: remembered is %v", c.disk, sent)
		}
	}
}
