package mesh

import (
	"slices"
	"testing"
	"time"
)

func TestOnlyTheNewestRunsAreRemembered(t *testing.T) {
	couple(t, 60, func(f *fleet, a, b *member, task string) {
		time.Sleep(5*time.Minute + 5*time.Second)
		for _, m := range []*member{a, b} {
			if err := m.trimHistory(2); err != nil {
				f.t.Fatal(err)
			}
		}
		sent, received := a.history(task), b.received("photos@nas-a")
		if len(sent) != 2 || !slices.Equal(sent, received) || sent[1] != "6 unchanged" {
			f.t.Errorf("remembered are %q and %q", sent, received)
		}
	})
}
