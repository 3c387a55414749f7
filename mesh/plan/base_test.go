package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"btrmesh/btrfs"
)

// snapshotOf reads "b2" as a snapshot with UUID b and ctransid 2, taken at
// second 2; "b2@9" was taken at second 9; "b2!" is modified, "b2w" writable.
func snapshotOf(t *testing.T, text string) Snapshot {
	t.Helper()
	s := Snapshot{Name: text, ReadOnly: !strings.Contains(text, "w"), Modified: strings.Contains(text, "!")}
	number, taken, stated := strings.Cut(strings.Trim(text[1:], "!w"), "@")
	if !stated {
		taken = number
	}
	var err error
	if s.CTransID, err = strconv.ParseUint(number, 10, 64); err != nil {
		t.Fatal(err)
	}
	seconds, err := strconv.Atoi(taken)
	if err != nil {
		t.Fatal(err)
	}
	s.UUID, s.Taken = uuidOf(text[:1]), noon.Add(time.Duration(seconds)*time.Second)
	return s
}

func snapshotsOf(t *testing.T, list string) []Snapshot {
	t.Helper()
	var snaps []Snapshot
	for text := range strings.SplitSeq(list, ",") {
		if text != "" {
			snaps = append(snaps, snapshotOf(t, text))
		}
	}
	return snaps
}

func namesOf(snaps []Snapshot) string {
	var names []string
	for _, s := range snaps {
		names = append(names, s.Name)
	}
	return strings.Join(names, ",")
}

func TestBase(t *testing.T) {
	runText(t, "testdata/base.txt", func(t *testing.T, lines []string) string {
		t.Helper()
		_, args := words(lines[0])
		var send btrfs.UUID
		if args["send"] != "" {
			send = uuidOf(args["send"])
		}
		c := Base(send, snapshotsOf(t, args["here"]), snapshotsOf(t, args["there"]))
		return fmt.Sprintf("%v parent=%s only-here=%s only-there=%s\n%s",
			c.Kind, c.Parent.Name, namesOf(c.OnlyHere), namesOf(c.OnlyThere), c.Reason)
	})
}

func snapshots() *rapid.Generator[[]Snapshot] {
	one := rapid.Custom(func(t *rapid.T) Snapshot {
		return Snapshot{
			UUID:     uuidOf(rapid.StringMatching("[a-h]?").Draw(t, "uuid")),
			CTransID: rapid.Uint64Range(1, 3).Draw(t, "ctransid"),
			Taken:    noon.Add(time.Duration(rapid.IntRange(-3000, 1).Draw(t, "taken")) * time.Hour),
			Name:     rapid.StringMatching("[a-d]").Draw(t, "name"),
			ReadOnly: rapid.IntRange(0, 9).Draw(t, "writable") > 0,
			Modified: rapid.IntRange(0, 9).Draw(t, "modified") == 0,
		}
	})
	return rapid.SliceOfNDistinct(one, 0, 12, func(s Snapshot) string {
		return fmt.Sprint(s.UUID, s.CTransID, s.Taken, s.Name)
	})
}

func TestBaseDoesNotDependOnTheOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		here, there := snapshots().Draw(rt, "here"), snapshots().Draw(rt, "there")
		send := uuidOf(rapid.StringMatching("[a-h]?").Draw(rt, "send"))
		hereToo, thereToo := rapid.Permutation(here).Draw(rt, "here too"), rapid.Permutation(there).Draw(rt, "there too")
		if diff := cmp.Diff(Base(send, here, there), Base(send, hereToo, thereToo)); diff != "" {
			rt.Error(diff)
		}
	})
}

func TestParentIsTheNewestUnmodifiedOnBothSides(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		here, there := snapshots().Draw(rt, "here"), snapshots().Draw(rt, "there")
		c := Base(uuidOf("x"), here, there)
		if want := len(there) == 0; (c.Kind == Full) != want {
			rt.Fatalf("%v for %d snapshots there", c.Kind, len(there))
		}
		for _, h := range here {
			common := slices.ContainsFunc(there, func(o Snapshot) bool { return o.usable() && o.same(h) })
			if h.usable() && common && (c.Kind != Incremental || c.Parent.compareAge(h) < 0) {
				rt.Errorf("%v from %+v although %+v is on both sides", c.Kind, c.Parent, h)
			}
		}
		if c.Kind == Incremental && (!slices.Contains(here, c.Parent) || !slices.ContainsFunc(there, c.Parent.same)) {
			rt.Errorf("parent %+v is not on both sides", c.Parent)
		}
	})
}
