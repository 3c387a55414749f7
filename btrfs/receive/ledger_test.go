package receive

import "testing"

func TestLedgerOfManyStretchesIsNotSmall(t *testing.T) {
	var plain, encoded ledger
	for i := range int64(maxSmall) {
		if !plain.isSmall() || !encoded.isSmall() {
			t.Fatalf("not small with %d stretches", i)
		}
		plain.addPlain(stretch{257, i, i + 1})
		encoded.addEncoded(stretch{257, i, i + 1})
	}
	plain.addPlain(stretch{257, maxSmall, maxSmall + 1})
	if plain.isSmall() || encoded.isSmall() {
		t.Error("still small")
	}
	if len(plain.plain) != maxSmall || len(encoded.encoded) != maxSmall || !plain.large {
		t.Errorf("%d plain ones, %d encoded", len(plain.plain), len(encoded.encoded))
	}
}

func TestLedgerOfWhatWasWrittenTwiceIsNotSmall(t *testing.T) {
	for _, c := range []struct {
		name  string
		s     stretch
		small bool
	}{
		{"another file", stretch{258, 0, 4096}, true},
		{"what follows", stretch{257, 8192, 9000}, true},
		{"what is before", stretch{257, 0, 4096}, true},
		{"the same", stretch{257, 4096, 8192}, false},
		{"a part of it", stretch{257, 5000, 5001}, false},
		{"more than it", stretch{257, 0, 1 << 20}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, l := range []ledger{
				{plain: []stretch{{257, 4096, 8192}}},
				{encoded: []stretch{{257, 4096, 8192}}},
			} {
				if l.addPlain(c.s); l.isSmall() != c.small {
					t.Errorf("%+v", l)
				}
			}
		})
	}
}

func TestZerosBehindTheEndMayBeWhereSomethingWasWritten(t *testing.T) {
	l := ledger{plain: []stretch{{257, 0, 8192}}}
	if l.addZeros(stretch{257, 4096, 5000}); !l.isSmall() || len(l.plain) != 2 {
		t.Errorf("%+v", l)
	}
}

func TestLedgerOfWhatIsNotKnownIsNotSmall(t *testing.T) {
	l := ledger{large: true}
	l.addPlain(stretch{257, 0, 1})
	if l.isSmall() || len(l.plain) != 0 {
		t.Errorf("%+v", l)
	}
}
