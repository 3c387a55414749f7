package mesh

import (
	"slices"
	"testing"
	"time"
)

func TestTwoAppliancesPairAndAShareIsKeptReplicated(t *testing.T) {
	sail(t, 2, func(t *testing.T, f *fleet) {
		a, b := f.nodes[0], f.nodes[1]
		meet(a, b)
		a.newShare("photos", map[string]string{"one": "1", "two": "2"})
		task := a.add("photos", b, 60)
		time.Sleep(5 * time.Second)
		b.holds(a, "photos")
		a.write("photos", map[string]string{"two": "changed", "three": "3"})
		time.Sleep(time.Minute)
		b.holds(a, "photos")
		time.Sleep(2 * time.Minute) // nothing changes
		want := []string{"1 full ok", "2 incremental ok", "3 unchanged", "4 unchanged"}
		if got := a.history(task); !slices.Equal(got, want) {
			t.Errorf("history of the source: %q, want %q", got, want)
		}
		if got := b.received("photos@nas-a"); !slices.Equal(got, want) {
			t.Errorf("history of the target: %q, want %q", got, want)
		}
	})
}
