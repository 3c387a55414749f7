package receive

import (
	"strings"
	"testing"
	"time"

	"btrmesh/btrfs"
)

func goodSpec() Spec {
	return Spec{
		Source: "7QK4D2MAAAA", SourceName: "nas-a", Share: "home/ann", Task: "t", Run: 1,
		Snapshot: btrfs.UUID{1}, CTransID: 5, Taken: time.Unix(1e9, 0),
	}
}

func TestSpecOfAnHonestSourceIsAccepted(t *testing.T) {
	s := goodSpec()
	if err := s.check(); err != nil {
		t.Error(err)
	}
}

func TestSpecThatCannotBecomeAPathIsRefused(t *testing.T) {
	for name, spoil := range map[string]func(*Spec){
		"ID with a slash":       func(s *Spec) { s.Source = "../../../x" },
		"short ID":              func(s *Spec) { s.Source = "7QK4" },
		"long ID":               func(s *Spec) { s.Source = strings.Repeat("A", 129) },
		"no source name":        func(s *Spec) { s.SourceName = "" },
		"long source name":      func(s *Spec) { s.SourceName = strings.Repeat("n", 250) },
		"no share":              func(s *Spec) { s.Share = "" },
		"long share":            func(s *Spec) { s.Share = strings.Repeat("a/", 100) },
		"share that is no text": func(s *Spec) { s.Share = "a\xff" },
		"task that is no text":  func(s *Spec) { s.Task = "a\xff" },
		"long task":             func(s *Spec) { s.Task = strings.Repeat("t", 256) },
		"no snapshot":           func(s *Spec) { s.Snapshot = btrfs.UUID{} },
		"no time":               func(s *Spec) { s.Taken = time.Time{} },
	} {
		s := goodSpec()
		spoil(&s)
		if s.check() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
