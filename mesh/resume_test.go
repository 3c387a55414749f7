package mesh

import (
	"errors"
	"testing"
	"time"

	"btrmesh/btrfs"
	"btrmesh/btrfs/receive"
	"btrmesh/btrfs/sendstream"
	"btrmesh/state"
	"btrmesh/stream"
)

func TestTheSnapshotOfACutRunOutlivesTriesThatFail(t *testing.T) {
	halfSent(t, 600, func(_ *fleet, a, b *member, task string) {
		begun := a.run(state.Send, task, 1).SnapshotUUID
		b.crash()
		time.Sleep(10 * time.Minute)
		if tries := len(a.history(task)); tries < 3 {
			a.t.Errorf("%d runs while the target was off", tries)
		}
		b.start()
		time.Sleep(3 * time.Minute)
		b.holds(a, "photos")
		newest := b.committed(a, "photos")[0]
		if newest.Snapshot != begun {
			a.t.Errorf("snapshot %s was sent, %s had been begun", newest.Snapshot, begun)
		}
	})
}

func TestFateOfASnapshotFollowsHowFarItsRunCame(t *testing.T) {
	here, other := btrfs.UUID{1}, btrfs.UUID{2}
	lost, thrownOut := errors.New("connection lost"), &stream.Refusal{Code: stream.BadStream}
	for name, c := range map[string]struct {
		state   state.RunState
		pending btrfs.UUID
		fails   uint32
		err     error
		want    snapshotFate
	}{
		"not taken, another waits":       {state.Planned, other, 0, lost, leaveIt},
		"taken, target gone":             {state.Snapshotted, btrfs.UUID{}, 0, lost, dropIt},
		"taken, another waits":           {state.Snapshotted, other, 0, lost, dropIt},
		"waits, target gone":             {state.Snapshotted, here, 3, lost, leaveIt},
		"cut":                            {state.Sending, btrfs.UUID{}, 0, lost, resumeIt},
		"cut by a crash":                 {state.Sending, btrfs.UUID{}, 0, nil, resumeIt},
		"cut too often":                  {state.Sending, here, mostResumes, lost, dropIt},
		"thrown out":                     {state.Sending, here, 0, thrownOut, dropIt},
		"the target's disk":              {state.Sending, btrfs.UUID{}, 0, &stream.Refusal{Code: stream.IO}, resumeIt},
		"all sent, the answer was lost":  {state.Committing, btrfs.UUID{}, 0, lost, leaveIt},
		"all sent, the target then said": {state.Committing, btrfs.UUID{}, 0, thrownOut, leaveIt},
	} {
		rec := state.Run{State: c.state, SnapshotUUID: here}
		if c.state == state.Planned {
			rec.SnapshotUUID = btrfs.UUID{}
		}
		if got := fateOf(rec, state.Task{Pending: c.pending, Failures: c.fails}, c.err); got != c.want {
			t.Errorf("%s: fate %d, want %d", name, got, c.want)
		}
	}
}

func TestACheckpointIsNamedAndUnderstoodWithItsParent(t *testing.T) {
	c := receive.Checkpoint{At: sendstream.Position{Meta: 7, DataEnd: 4096, Bytes: 1 << 20}, Identity: receive.Identity{Parent: btrfs.UUID{3}}}
	have := stream.Have{Resume: resumeText(c)}
	if at := resumable(have, btrfs.UUID{3}); at != c.At {
		t.Errorf("position %v, want %v", at, c.At)
	}
	if at := resumable(have, btrfs.UUID{4}); !at.IsZero() {
		t.Errorf("position %v for another parent", at)
	}
	if at := resumable(stream.Have{Resume: "junk"}, btrfs.UUID{3}); !at.IsZero() {
		t.Errorf("position %v out of junk", at)
	}
	if _, err := from(stream.Begin{From: have.Resume, Parent: btrfs.UUID{4}}); !errors.Is(err, &stream.Refusal{Code: stream.BadStream}) {
		t.Errorf("a position with another parent: %v", err)
	}
}
