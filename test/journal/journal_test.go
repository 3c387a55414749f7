package journal

import "testing"

func TestTailIsTheLastLines(t *testing.T) {
	tests := map[string]struct {
		text string
		n    int
		want string
	}{
		"nothing":        {"", 2, ""},
		"fewer":          {"a\n", 2, "a"},
		"as many":        {"a\nb\n", 2, "a\nb"},
		"more":           {"a\nb\nc\nd\n", 2, "c\nd"},
		"no end of line": {"a\nb\nc", 1, "c"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tail(test.text, test.n); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}
