package btrfs

import (
	"errors"
	"io"
	"testing"
)

func TestForesightIsOfOneIncrementAsItIs(t *testing.T) {
	var all foresights
	of := foresightKey{snapshot: 1, snapshotTrans: 10, parent: 2, parentTrans: 5}
	first, isNew := all.join(of)
	if !isNew {
		t.Fatal("known before anybody looked")
	}
	if again, isNew := all.join(of); isNew || again != first {
		t.Error("the second one looks for itself")
	}
	changed := of
	changed.snapshotTrans++
	if _, isNew := all.join(changed); !isNew {
		t.Error("known of what has changed since")
	}
	all.end(of, first, nil)
	all.forget(of, first)
	if _, isNew := all.join(of); !isNew {
		t.Error("not forgotten")
	}
}

func TestForesightThatFailedIsLookedForAgain(t *testing.T) {
	var all foresights
	first, _ := all.join(foresightKey{})
	all.end(foresightKey{}, first, io.ErrUnexpectedEOF)
	if <-first.done; first.err == nil {
		t.Error("those that wait hear of no error")
	}
	if _, isNew := all.join(foresightKey{}); !isNew {
		t.Error("the failure is remembered")
	}
}

func TestForesightsAreFew(t *testing.T) {
	var all foresights
	for id := range uint64(10 * maxForesights) {
		all.join(foresightKey{snapshot: id})
		if len(all.of) > maxForesights {
			t.Fatalf("%d are kept", len(all.of))
		}
	}
}

func TestForesightKeepsSomeExtentsAndWhereTheRestBegins(t *testing.T) {
	v := &foresight{}
	for i := range uint64(maxForeseen + 3) {
		v.keep(onDisk(i), 7)
		v.keep(onDisk(i), 8) // older than that
	}
	if len(v.extents) != maxForeseen || !v.more || v.rest != onDisk(maxForeseen).key {
		t.Errorf("%d extents, more: %v, rest from %+v", len(v.extents), v.more, v.rest)
	}
}

// onDisk is the item of an extent of 4 KiB of an inode, written in transaction 7.
func onDisk(inode uint64) item {
	data := make([]byte, 53)
	data[0], data[20], data[21], data[46] = 7, 1, 1, 16
	return item{key: key{id: inode, kind: typeExtentData}, data: data}
}

func TestGateOpensOnlyWhenNothingIsCut(t *testing.T) {
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		ahead lookout
		want  error
	}{
		"nothing cut": {lookout{seen: &foresight{}}, nil},
		"cut":         {lookout{seen: &foresight{cut: true}}, errCuts},
		"not known":   {lookout{err: broken}, broken},
	} {
		t.Run(name, func(t *testing.T) {
			c.ahead.done = make(chan struct{})
			close(c.ahead.done)
			if _, err := (&gate{w: io.Discard, ahead: &c.ahead}).Write([]byte{1}); !errors.Is(err, c.want) {
				t.Errorf("error is %v, want %v", err, c.want)
			}
		})
	}
}
