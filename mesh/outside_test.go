package mesh

import (
	"slices"
	"testing"
	"time"

	"btrmesh/mesh/control"
)

func TestAMemberThatForgotTheMeshIsNamed(t *testing.T) {
	unraced(t)
	crewed(t, 3, func(f *fleet) {
		a, b := f.nodes[0], f.nodes[1]
		b.halt()
		b.mirror = &kept{}
		b.loseDatabase()
		f.soon(3*time.Minute, "nas-a warns", func() bool {
			return slices.ContainsFunc(a.overview().Warnings, func(w control.Warning) bool {
				return w.Level == control.Critical && w.Text == "nas-b does not know nas-a as a member: it may have lost its state."
			})
		})
		f.wantSeen(0, control.Online, []*member{a}, []*member{f.nodes[2]})
	})
}
