package receive

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestEscapedTextIsOneComponentAndUnambiguous(t *testing.T) {
	for text, want := range map[string]string{
		"photos":        "photos",
		"home/ann":      "home%2Fann",
		"home%2Fann":    "home%252Fann",
		".hidden":       "%2Ehidden",
		"..":            "%2E.",
		"a.b":           "a.b",
		"tab\tand\x7f":  "tab%09and%7F",
		"Fotos Müller!": "Fotos Müller!",
	} {
		if got := escape(text); got != want {
			t.Errorf("escape(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestComponentThatDoesNotFitIsRefused(t *testing.T) {
	for _, text := range []string{"", strings.Repeat("x", 256), strings.Repeat("/", 86)} {
		if name, err := component(text); err == nil {
			t.Errorf("component(%.20q) = %q, want an error", text, name)
		}
	}
}

func TestSecondSnapshotOfASecondGetsALongerName(t *testing.T) {
	taken := time.Date(2026, 11, 23, 11, 0, 0, 123456789, time.FixedZone("", 3600))
	want := []string{"20261123T100000Z", "20261123T100000.123Z", "20261123T100000.123456Z", "20261123T100000.123456789Z"}
	if got := timeNames(taken); !slices.Equal(got, want) {
		t.Errorf("names %v, want %v", got, want)
	}
}

func TestPlaceIsFoundFromItsPathOnly(t *testing.T) {
	const pool = "/mnt2/tank"
	for path, want := range map[string]place{
		"/mnt2/tank/.btrmesh/replicas/nas-a/home%2Fann":  {"nas-a", "home%2Fann"},
		"/mnt2/tank/.btrmesh/replicas/nas-a/home%2Fann/": {"nas-a", "home%2Fann"},
		"/mnt2/tank/.btrmesh/replicas/nas-a":             {},
		"/mnt2/other/.btrmesh/replicas/nas-a/photos":     {},
		"/mnt2/tank/.btrmesh/replicas/nas-a/b/photos":    {},
		"": {},
	} {
		got, err := placeOf(pool, path)
		if got != want || (err == nil) != (want != place{}) {
			t.Errorf("placeOf(%q) = %v, %v, want %v", path, got, err, want)
		}
	}
}
