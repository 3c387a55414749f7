package certs

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// assault is what came before, and a batch that the brake is to judge.
type assault struct {
	name    string
	before  string // as in story
	decided string
	batch   string
	held    string // revocations, as "c-b"
	after   string // members after the batch; "" is not looked at
}

var assaults = []assault{
	{
		name: "one of three", before: "a+b a+c", batch: "b-c", after: "a b",
	},
	{
		name: "one of two is not more than half", before: "a+b", batch: "b-a:b", after: "b",
	},
	{
		name: "two of three at once", before: "a+b a+c", batch: "b-a:b b-c",
		held: "b-a b-c", after: "a b c",
	},
	{
		name: "two of three, one after the other", before: "a+b a+c b-c", batch: "b-a:b",
		held: "b-a", after: "a b",
	},
	{
		name: "what a person approved does not count", before: "a+b a+c b-c", decided: "approve b-c", batch: "b-a:b",
		after: "b",
	},
	{
		name: "who approves beforehand is not braked", before: "a+b a+c", decided: "approve b-a approve b-c", batch: "b-a:b b-c",
		after: "b",
	},
	{
		name: "what is approved is not held with the rest", before: "a+b a+c a+d", decided: "approve b-c", batch: "b-c b-a:b b-d",
		held: "b-a b-d", after: "a b d",
	},
	{
		name:   "keys that admit each other count as the removed one that let one in",
		before: "a+b a+c a+d a+m b-m", batch: "m+x x+y y+x y+z z+y x-b y-c z-d",
		held: "x-b y-c z-d", after: "a b c d",
	},
	{
		name: "what is held counts on", before: "a+b a+c a+d b-c b-d b-a:b", decided: "hold b-c hold b-d hold b-a", batch: "b-e a+e",
		held: "b-e", after: "a b c d e",
	},
	{
		name: "whom a person keeps does not count", before: "a+b a+c a+d b-c", decided: "keep c", batch: "b-d", after: "a b c",
	},
	{
		name: "removing the founder and keeping its members", before: "a+b a+c a+d", batch: "b-a:b,c,d", after: "b c d",
	},
	{
		name: "removing the founder drops all it admitted", before: "a+b a+c a+d", batch: "b-a",
		held: "b-a", after: "a b c d",
	},
	{
		name: "members that merely fall count", before: "a+b b+c b+d b+e", batch: "a-b",
		held: "a-b", after: "a b c d e",
	},
	{
		name: "and do not when they are kept", before: "a+b b+c b+d b+e", batch: "a-b:c,d,e", after: "a c d e",
	},
	{
		name: "two that try the same are both held", before: "a+b a+c a+d a+e", batch: "b-c b-d b-e b-a:b c-b c-d c-e c-a:c",
		held: "b-a b-c b-d b-e c-a c-b c-d c-e", after: "a b c d e",
	},
	{
		name: "another's removal in the same batch stands", before: "a+b a+m a+c a+d", batch: "m-a m-c m-d b-m",
		held: "m-a m-c m-d", after: "a b c d",
	},
	{
		name:   "keys that a removed one lets in count as it",
		before: "a+b a+c a+d a+m b-m", batch: "m+x m+y m+z x-b y-c z-d",
		held: "x-b y-c z-d", after: "a b c d",
	},
	{
		name:   "even if the founder is the removed one",
		before: "a+b a+c a+d b-a:b,c,d", decided: "vouch b-a", batch: "a+x a+y a+z x-b y-c z-d",
		held: "x-b y-c z-d", after: "b c d",
	},
	{
		name:   "even if its removal comes with them",
		before: "a+b a+c a+d a+m", batch: "m+x m+y m+z x-b y-c z-d b-m",
		held: "x-b y-c z-d", after: "a b c d",
	},
	{
		name:   "keys that one lets in do not make the others fewer",
		before: "a+b a+c a+d a+m m+x m+y m+z", batch: "m-a:b,c,d,m m-b m-c",
		held: "m-a m-b m-c", after: "a b c d m x y z",
	},
	{
		name:   "nor do they remove for it",
		before: "a+b a+c a+d a+m m+x m+y m+z", batch: "x-a:b,c,d,m y-b z-c",
		held: "x-a y-b z-c", after: "a b c d m x y z",
	},
	{
		name: "who leaves is not braked", before: "a+b", batch: "b-b", after: "a",
	},
	{
		name: "whoever leaves alone", before: "", batch: "a-a", after: "",
	},
	{
		name: "leaving does not take the others along", before: "a+b a+c", batch: "a-a",
		held: "a-a", after: "a b c",
	},
	{
		name: "members of four go one by one while others remove them", before: "a+b a+c a+d", batch: "a-b c-d", after: "a c",
	},
	{
		name: "the later of two that remove each other", before: "a+b a+c a-b", batch: "b-a:b,c",
		held: "b-a", after: "a c",
	},
	{
		name: "strangers remove nobody, so nothing is held", before: "a+b a+c", batch: "x-a x-b x-c", after: "a b c",
	},
}

func TestBrakeHoldsWhatGoesTooFar(t *testing.T) {
	for _, a := range assaults {
		t.Run(a.name, func(t *testing.T) {
			w := newWorld(t)
			d := w.decide(a.decided, a.before+" "+a.batch)
			before, batch := w.set(w.tell(a.before)...), w.tell(a.batch)
			v := Brake(before, batch, d)
			if got := w.spelled(v.Held, a.batch); got != a.held {
				t.Errorf("held %q, want %q", got, a.held)
			}
			d = d.After(v)
			if got := w.called(slices.Collect(maps.Keys(Fold(w.set(w.tell(a.before+" "+a.batch)...), d).Members))); got != a.after {
				t.Errorf("members %q, want %q", got, a.after)
			}
			wantExplained(t, v)
		})
	}
}

// wantExplained checks that each held record is in one hold, and only those.
func wantExplained(t *testing.T, v Verdict) {
	t.Helper()
	var told []RecordHash
	for _, h := range v.Holds {
		told = append(told, h.Records...)
		if len(h.Subjects) == 0 || 2*len(h.Loses) <= h.Members {
			t.Errorf("hold of %s explains nothing: %+v", h.Issuer.Short(), h)
		}
	}
	slices.SortFunc(told, RecordHash.Compare)
	if !slices.Equal(told, v.Held) {
		t.Errorf("%d records held, %d explained", len(v.Held), len(told))
	}
	for _, h := range v.Vouched {
		if slices.Contains(v.Held, h) {
			t.Errorf("%s is held and vouched for", h.Short())
		}
	}
}

// spelled lists those words of a story whose records are among some, sorted.
func (w *world) spelled(some []RecordHash, happens string) string {
	w.tb.Helper()
	var words []string
	for word := range strings.FieldsSeq(happens) {
		if slices.Contains(some, w.tell(word)[0].Hash()) {
			bare, _, _ := strings.Cut(word, ":")
			words = append(words, bare)
		}
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}

func TestHoldTellsWhatWouldBeLost(t *testing.T) {
	w := newWorld(t)
	v := Brake(w.set(w.tell("a+b b+c b+d")...), w.tell("a-b"), Decisions{})
	if len(v.Holds) != 1 {
		t.Fatalf("%d holds", len(v.Holds))
	}
	h := v.Holds[0]
	if h.Issuer != w.id("a") || w.called(h.Subjects) != "b" || w.called(h.Loses) != "b c d" || h.Members != 4 {
		t.Errorf("hold by %s of %s: loses %s of %d", w.called([]ID{h.Issuer}), w.called(h.Subjects), w.called(h.Loses), h.Members)
	}
}

func TestApprovalEndsTheHold(t *testing.T) {
	w := newWorld(t)
	before, batch := w.set(w.tell("a+b b+c b+d")...), w.tell("a-b")
	d := Decisions{}
	held := d.After(Brake(before, batch, d))
	after := w.set(w.tell("a+b b+c b+d a-b")...)
	if n := len(Fold(after, held).Members); n != 4 {
		t.Errorf("%d members while held", n)
	}
	if n := len(Fold(after, held.Approve(batch[0].Hash())).Members); n != 1 {
		t.Errorf("%d members once approved", n)
	}
	if len(d.Held) != 0 || !held.Held[batch[0].Hash()] {
		t.Error("decisions changed under their owner")
	}
}

func TestBrakeLeavesASetWithoutMembersAlone(t *testing.T) {
	w := newWorld(t)
	v := Brake(NewRecordSet(w.mesh()), append(w.tell("a+b a+c b-a b-c"), w.genesis), Decisions{})
	if len(v.Held)+len(v.Vouched)+len(v.Holds) != 0 {
		t.Errorf("verdict %+v", v)
	}
}
