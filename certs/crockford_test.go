package certs

import "testing"

// checkEveryTypo wants accepted to be false for every text that differs from
// text in one character or has two different ones swapped, from index from on.
func checkEveryTypo(t *testing.T, text string, from int, accepted func(string) bool) {
	t.Helper()
	try := func(b []byte) {
		t.Helper()
		if accepted(string(b)) {
			t.Errorf("%s was taken for %s", b, text)
		}
	}
	for i := from; i < len(text); i++ {
		for _, c := range []byte(alphabet) {
			if b := []byte(text); b[i] != c {
				b[i] = c
				try(b)
			}
		}
		for j := from; j < i; j++ {
			if b := []byte(text); b[i] != b[j] {
				b[i], b[j] = b[j], b[i]
				try(b)
			}
		}
	}
}

func TestPowersOf32DifferOverTheWholeText(t *testing.T) {
	for _, c := range []struct{ prime, digits int }{{idPrime, idText}, {codePrime, codeText}} {
		seen := map[int]bool{}
		for i, power := 0, 1; i < c.digits; i, power = i+1, power*32%c.prime {
			seen[power] = true
		}
		if len(seen) != c.digits {
			t.Errorf("modulo %d: %d different powers in %d digits", c.prime, len(seen), c.digits)
		}
	}
}

func TestLettersThatLookLikeDigitsAreReadAsThose(t *testing.T) {
	got, err := normalize("oOiIlL0Zz-9", 10, "-")
	if want := "0011110ZZ9"; got != want || err != nil {
		t.Errorf("normalize = %q, %v; want %q", got, err, want)
	}
}
