package discover

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hashicorp/mdns"

	"btrmesh/certs"
)

// entryOf is what the library makes of an announcement.
func entryOf(p Presence, addrs ...string) *mdns.ServiceEntry {
	return &mdns.ServiceEntry{Name: instanceOf(p), Port: p.Port, InfoFields: p.fields(addrsOf(addrs...))}
}

// search of the network 192.168.1.0/24 by the appliance with ID 7.
func newSearch() *search {
	return &search{self: certs.ID{7}, ours: []place{at("192.168.1.10/24")}, found: map[Found]bool{}}
}

func TestFoundOnesAreSortedAndOursAndStrangersLeftOut(t *testing.T) {
	s := newSearch()
	nasA := Presence{ID: certs.ID{5}, Name: "nas-a", Port: 7946}
	s.add(entryOf(nasB, "10.0.0.11", "192.168.1.11"))
	s.add(entryOf(Presence{ID: certs.ID{7}, Name: "nas-me", Port: 7945}, "192.168.1.10"))
	s.add(&mdns.ServiceEntry{Name: "printer._ipp._tcp.local.", Port: 631, InfoFields: []string{"txtvers=1"}})
	s.add(entryOf(nasA, "192.168.1.12"))
	s.add(entryOf(nasB, "192.168.1.11"))
	var got []string
	for _, f := range s.all() {
		got = append(got, f.Name+" "+f.Addr.String())
	}
	if diff := cmp.Diff([]string{"nas-a 192.168.1.12:7946", "nas-b 192.168.1.11:7945"}, got, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

func TestFloodOfAnnouncementsIsBounded(t *testing.T) {
	s := newSearch()
	for i := range 2 * maxEntries {
		s.add(entryOf(Presence{ID: certs.ID{1, byte(i), byte(i >> 8)}, Name: fmt.Sprintf("nas-%d", i), Port: 7945}, "192.168.1.11"))
	}
	if got := len(s.all()); got != maxEntries {
		t.Errorf("%d are found, want %d", got, maxEntries)
	}
}

func TestLibraryLogsQuotedAtDebugOnly(t *testing.T) {
	var out bytes.Buffer
	at := func(level slog.Level) slog.Handler {
		return slog.NewTextHandler(&out, &slog.HandlerOptions{Level: level})
	}
	slog.NewLogLogger(bridge{at(slog.LevelInfo)}, slog.LevelDebug).Print("quiet")
	if out.Len() > 0 {
		t.Errorf("at info it says %s", &out)
	}
	slog.NewLogLogger(bridge{at(slog.LevelDebug)}, slog.LevelDebug).Print("[ERR] mdns: \x1b[2J " + strings.Repeat("x", 9000))
	if text := out.String(); strings.Contains(text, "\x1b") || !strings.Contains(text, "level=DEBUG msg=mdns text=") || len(text) > 2*maxText {
		t.Errorf("it says %q", text)
	}
}
