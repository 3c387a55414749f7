package certs

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// story tells a fold in words: what happened, what is decided here, who is left.
type story struct {
	name    string
	happens string // "a+b": a admits b; "a-b": a revokes b; "a-b:c,d": and keeps b's admissions of c and d
	decided string // "keep b", "remove b", "hold a-b", "approve a-b", "vouch a-b"
	want    string
}

var stories = []story{
	{name: "the founder alone", want: "a"},
	{name: "whom a member admitted is a member", happens: "a+b b+c c+d", want: "a b c d"},
	{name: "whom nobody known admitted is none", happens: "a+b x+c", want: "a b"},
	{name: "two that admit each other are none", happens: "x+y y+x", want: "a"},
	{name: "a removed one is out", happens: "a+b a+c a-b", want: "a c"},
	{name: "a stranger removes nobody", happens: "a+b x-b", want: "a b"},
	{name: "a removed one stays out when it is admitted again", happens: "a+b a+c a-b c+b", want: "a c"},
	{name: "what a removed one admitted falls with it", happens: "a+b b+c c+d a-b", want: "a"},
	{name: "unless it is kept", happens: "a+b b+c c+d a-b:c", want: "a c d"},
	{name: "or was admitted by another too", happens: "a+b b+c c+d a-b a+c", want: "a c d"},
	{name: "several revocations keep together", happens: "a+b b+c b+d b+e a-b:c a-b:d", want: "a c d"},
	{name: "only what is listed is kept, backdated or not", happens: "a+b b+c b+m a-b:c", want: "a c"},
	{name: "mutual removal puts both out", happens: "a+b a+c a+d b-c c-b", want: "a d"},
	{name: "a removed one's revocations still count", happens: "a+b a+c a-b b-c", want: "a"},
	{name: "who leaves takes nobody along that it keeps", happens: "a+b b+c b+d b-b:c", want: "a c"},
	{name: "the founder leaves", happens: "a+b a+c a-a:b,c", want: "b c"},
	{name: "what it keeps by leaving is void once another removed it", happens: "a+b b+c b-b:c a-b", want: "a"},
	{name: "another's word keeps although it left", happens: "a+b b+c b-b a-b:c", want: "a c"},
	{name: "a key that was let in by the removed alone keeps nobody", happens: "a+b b+m a-b m-b:m", want: "a"},
	{name: "nor do two of them keep each other", happens: "a+b b+m b+n a-b m-b:n n-b:m", want: "a"},
	{name: "keeps of what another admitted are void", happens: "a+b b+c a+d a-b d-b:c", want: "a c d"},
	{name: "the founder removed by one it admitted: no key vouches for itself", happens: "a+b a+c b-a:b,c", want: ""},
	{name: "unless a member's word was vouched for", happens: "a+b a+c b-a:b,c", decided: "vouch b-a", want: "b c"},
	{name: "or approved", happens: "a+b a+c b-a:b,c", decided: "approve b-a", want: "b c"},
	{name: "a thief with the founder's key does not come back", happens: "a+b a+c a+m b-a:b,c m-a:m", decided: "vouch b-a", want: "b c"},
	{name: "a held revocation does not count", happens: "a+b a+c b-c", decided: "hold b-c", want: "a b c"},
	{name: "nor does what it keeps", happens: "a+b a+c b+d c-b a-b:d", decided: "hold a-b", want: "a c"},
	{name: "a person approves it", happens: "a+b a+c b-c", decided: "hold b-c approve b-c", want: "a b"},
	{name: "a decision here keeps whom others removed", happens: "a+b b+c a-b", decided: "keep b", want: "a b c"},
	{name: "a decision here keeps whoever fell with its sponsor", happens: "a+b b+c c+d a-b", decided: "keep c", want: "a c d"},
	{name: "a decision here makes nobody a member that never was", happens: "a+b", decided: "keep x", want: "a b"},
	{name: "a decision here removes", happens: "a+b b+c", decided: "remove b", want: "a"},
	{name: "and what another's revocation keeps stays", happens: "a+b b+c a-b:c", decided: "remove b", want: "a c"},
	{name: "remove wins over keep", happens: "a+b", decided: "keep b remove b", want: "a"},
}

func TestFoldFollowsItsRules(t *testing.T) {
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) {
			w := newWorld(t)
			d := w.decide(s.decided, s.happens)
			m := Fold(w.set(w.tell(s.happens)...), d)
			if got := w.called(slices.Collect(maps.Keys(m.Members))); got != s.want {
				t.Errorf("members %q, want %q", got, s.want)
			}
		})
	}
}

// tell makes the records of a story.
func (w *world) tell(happens string) []Record {
	w.tb.Helper()
	var records []Record
	for word := range strings.FieldsSeq(happens) {
		if issuer, subject, ok := strings.Cut(word, "+"); ok {
			records = append(records, w.admit(issuer, subject))
			continue
		}
		issuer, rest, _ := strings.Cut(word, "-")
		subject, list, some := strings.Cut(rest, ":")
		var keeps []string
		if some {
			keeps = strings.Split(list, ",")
		}
		records = append(records, w.revoke(issuer, subject, keeps...))
	}
	return records
}

// decide reads decisions about the revocations of a story.
func (w *world) decide(decided, happens string) Decisions {
	w.tb.Helper()
	d := Decisions{
		Keep: map[ID]bool{}, Remove: map[ID]bool{},
		Held: map[RecordHash]bool{}, Approved: map[RecordHash]bool{}, Vouched: map[RecordHash]bool{},
	}
	words := strings.Fields(decided)
	for i := 0; i+1 < len(words); i += 2 {
		verb, object := words[i], words[i+1]
		switch verb {
		case "keep":
			d.Keep[w.id(object)] = true
		case "remove":
			d.Remove[w.id(object)] = true
		default:
			into := map[string]map[RecordHash]bool{"hold": d.Held, "approve": d.Approved, "vouch": d.Vouched}[verb]
			into[w.revocation(object, happens)] = true
		}
	}
	return d
}

// revocation finds "a-b" among what happens.
func (w *world) revocation(which, happens string) RecordHash {
	w.tb.Helper()
	for word := range strings.FieldsSeq(happens) {
		if bare, _, _ := strings.Cut(word, ":"); bare == which {
			return w.tell(word)[0].Hash()
		}
	}
	w.tb.Fatalf("no %s in %q", which, happens)
	return RecordHash{}
}

// called lists the names of IDs, sorted.
func (w *world) called(ids []ID) string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = w.names[id]
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func TestMemberIsCalledWhatItCallsItself(t *testing.T) {
	w := newWorld(t)
	s := w.set(w.admit("a", "b"), w.describe("b", 2, "new"), w.describe("b", 1, "old"), w.describe("a", 9, "kept"), w.revoke("b", "a", "b"))
	m := Fold(s, Decisions{Keep: map[ID]bool{w.id("a"): true}})
	if got := m.Members[w.id("b")]; got.Name != "new" || !got.HasDescription || got.Description.Seq != 2 || got.AdmittedBy != w.id("a") {
		t.Errorf("b is %+v", got)
	}
	if got := m.Members[w.id("a")]; got.Name != "kept" || !got.AdmittedBy.IsZero() || !got.Admitted.Equal(noon) {
		t.Errorf("a is %+v", got)
	}
	want := Removal{Name: "kept", By: []ID{w.id("b")}, Reason: Removed, At: noon, Kept: true}
	if diff := cmp.Diff(want, m.Removed[w.id("a")]); diff != "" {
		t.Error(diff)
	}
}

func TestRemovalSaysByWhomAndWhy(t *testing.T) {
	w := newWorld(t)
	later, err := w.key("c").Revoke(w.mesh(), w.id("b"), Lost, nil, noon.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	s := w.set(append(later, w.tell("a+b a+c b+d a-b a+e")...)...)
	m := Fold(s, Decisions{Remove: map[ID]bool{w.id("e"): true}})
	want := map[ID]Removal{
		w.id("b"): {Name: "b", By: []ID{w.id("a"), w.id("c")}, Reason: Removed, At: noon},
		w.id("d"): {Name: "d", By: []ID{w.id("b")}, Fallen: true},
		w.id("e"): {Name: "e", Local: true},
	}
	if diff := cmp.Diff(want, m.Removed); diff != "" {
		t.Error(diff)
	}
	if len(m.Ever) != 5 || m.Founder != w.id("a") || m.Mesh != w.mesh() {
		t.Errorf("ever %d, founder %s, mesh %s", len(m.Ever), m.Founder.Short(), m.Mesh.Short())
	}
}

func TestAdmittedListsWhatOneSigned(t *testing.T) {
	w := newWorld(t)
	s := w.set(w.tell("a+b b+c b+d a-b")...)
	got := map[RecordHash]bool{}
	for _, r := range Admitted(s, w.id("b")) {
		got[r.Hash()] = true
	}
	want := map[RecordHash]bool{w.admit("b", "c").Hash(): true, w.admit("b", "d").Hash(): true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
