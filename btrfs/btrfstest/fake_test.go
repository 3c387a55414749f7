package btrfstest

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
	"btrmesh/btrfs/receive"
)

func TestTheFakePassesTheSuite(t *testing.T) {
	Suite(t, func(*testing.T) Volumes { return NewFake("pool") })
}

// newFakes is a bench over two fakes that a case may break.
func newFakes(t *testing.T) (b *bench, from, to *Fake) {
	t.Helper()
	from, to = NewFake("from"), NewFake("to")
	b = newBench(t, func(*testing.T) Volumes { return from })
	b.to = to
	return b, from, to
}

func TestAFaultFailsTheCallItIsMeantForAndNoOther(t *testing.T) {
	b, from, _ := newFakes(t)
	share := b.share("photos")
	broken := errors.New("broken")
	from.Inject(Fault{Op: OpShares, Err: broken, Nth: 2})
	from.Inject(Fault{Op: OpSnapshots, Err: broken, Every: true})
	for i, want := range []error{nil, broken, nil} {
		_, err := from.Shares(b.Context())
		b.wantError("shares, call "+string(rune('1'+i)), err, want)
		_, err = from.Snapshots(b.Context())
		b.wantError("snapshots", err, broken)
	}
	if got := from.Calls(OpShares); got != 3 {
		t.Errorf("%d calls counted, want 3", got)
	}
	from.Heal()
	_, err := from.Snapshots(b.Context())
	b.wantError("snapshots after healing", err, nil)
	b.snapshot(share, suiteTask)
}

func TestAnAnswerCanBeLostAfterTheCommit(t *testing.T) {
	b, _, to := newFakes(t)
	share := b.share("photos")
	snap := b.snapshot(share, suiteTask)
	stream := b.stream(snap.UUID, btrfs.UUID{})
	lost := errors.New("lost")
	to.Inject(Fault{Op: OpReceive, Err: lost, Late: true})
	spec := b.spec(share, snap, btrfs.UUID{})
	_, err := to.Receive(b.Context(), spec, bytes.NewReader(stream))
	b.wantError("receive", err, lost)
	b.find("photos", 1)
	_, err = to.Receive(b.Context(), spec, bytes.NewReader(stream))
	b.wantError("receive again", err, receive.ErrExists)
}

func TestAFaultInMidStreamLeavesNothing(t *testing.T) {
	b, from, to := newFakes(t)
	share := b.share("photos")
	b.write("photos", "big", strings.Repeat("0123456789", 100_000))
	snap := b.snapshot(share, suiteTask)
	broken := errors.New("broken")
	from.Inject(Fault{Op: OpSend, Err: broken, Bytes: 500_000})
	var sent bytes.Buffer
	stats, err := from.Send(b.Context(), &sent, btrfs.SendRequest{Snapshot: snap.UUID})
	b.wantError("send", err, broken)
	if sent.Len() == 0 || sent.Len() > 500_000 || stats.Bytes < int64(sent.Len()) {
		t.Errorf("%d bytes sent, %d counted", sent.Len(), stats.Bytes)
	}
	to.Inject(Fault{Op: OpReceive, Err: broken, Bytes: 500_000})
	_, err = to.Receive(b.Context(), b.spec(share, snap, btrfs.UUID{}), bytes.NewReader(b.stream(snap.UUID, btrfs.UUID{})))
	b.wantError("receive", err, broken)
	b.find("photos", 0)
}

func TestAFullFakeTakesNothingMore(t *testing.T) {
	b, from, to := newFakes(t)
	share := b.share("photos")
	b.write("photos", "big", strings.Repeat("0123456789", 10_000))
	snap := b.snapshot(share, suiteTask)
	to.Resize(50_000)
	spec := b.spec(share, snap, btrfs.UUID{})
	stream := b.stream(snap.UUID, btrfs.UUID{})
	_, err := to.Receive(b.Context(), spec, bytes.NewReader(stream))
	b.wantError("receive", err, unix.ENOSPC)
	b.find("photos", 0)
	to.Resize(200_000)
	_, err = to.Receive(b.Context(), spec, bytes.NewReader(stream))
	b.noError("receive with more space", err)
	space, err := to.Space()
	if want := uint64(200_000 - 100_000 - len("content of photos")); err != nil || space.Free != want {
		t.Errorf("%d bytes are free, want %d (%v)", space.Free, want, err)
	}
	from.Resize(0)
	b.wantError("write", from.WriteFile("photos", "more", []byte("x")), unix.ENOSPC)
}

func TestACrashLeavesStagingForSweep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _, to := newFakes(t)
		share := b.share("photos")
		first, _ := b.replicate(share, btrfs.UUID{})
		snap := b.snapshot(share, suiteTask)
		stream := b.stream(snap.UUID, first.UUID)
		r, w := io.Pipe()
		done := make(chan error)
		go func() {
			_, err := to.Receive(b.Context(), b.spec(share, snap, first.UUID), r)
			done <- err
		}()
		_, err := w.Write(stream[:len(stream)/2])
		b.noError("write stream", err)
		synctest.Wait()
		if swept, err := to.Sweep(b.Context()); len(swept) > 0 || err != nil {
			t.Errorf("swept %q from under a run (%v)", swept, err)
		}
		to.Crash()
		go func() { _, _ = w.Write(stream[len(stream)/2:]) }()
		b.wantError("receive", <-done, ErrCrashed)
		_ = r.Close()
		b.find("photos", 1)
		swept, err := to.Sweep(b.Context())
		if len(swept) != 1 || err != nil {
			t.Errorf("swept %q after a crash (%v)", swept, err)
		}
		_, got := b.replicate(share, first.UUID)
		b.find("photos", 2)
		if !got.ReadOnly {
			t.Errorf("received %+v", got)
		}
	})
}

func TestASnapshotThatIsSentIsNotDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, from, _ := newFakes(t)
		snap := b.snapshot(b.share("photos"), suiteTask)
		r, w := io.Pipe()
		done := make(chan error)
		go func() {
			_, err := from.Send(b.Context(), w, btrfs.SendRequest{Snapshot: snap.UUID})
			done <- err
		}()
		synctest.Wait()
		b.wantError("delete", from.ReleaseSnapshot(b.Context(), snap, suiteTask), unix.EPERM)
		_ = r.Close()
		b.wantError("send", <-done, io.ErrClosedPipe)
		b.wantError("delete after sending", from.ReleaseSnapshot(b.Context(), snap, suiteTask), nil)
	})
}

func TestASnapshotChangedByHandIsNoParent(t *testing.T) {
	b, _, to := newFakes(t)
	share := b.share("photos")
	first, _ := b.replicate(share, btrfs.UUID{})
	if !to.Tamper(first.UUID) || to.Tamper(share.UUID) {
		t.Fatal("tampered with another snapshot, or with none")
	}
	if s := b.find("photos", 1).Snapshots[0]; !s.Modified || s.Problem == "" || s.ReadOnly {
		t.Errorf("listed as %+v", s)
	}
	snap := b.snapshot(share, suiteTask)
	_, err := to.Receive(b.Context(), b.spec(share, snap, first.UUID), bytes.NewReader(b.stream(snap.UUID, first.UUID)))
	b.wantError("receive", err, receive.ErrModified)
}

func TestTheWayBackBuildsOnTheSnapshotOfOldTimes(t *testing.T) {
	b, from, to := newFakes(t)
	share := b.share("photos")
	sent, got := b.replicate(share, btrfs.UUID{})
	var stream bytes.Buffer
	_, err := to.Send(b.Context(), &stream, btrfs.SendRequest{Snapshot: got.UUID, Parent: got.UUID})
	b.noError("send back", err)
	spec := b.spec(share, sent, sent.UUID)
	spec.Source, spec.Own = "BACKCCCCCCCCCCCCCCCCCCCCC", []btrfs.UUID{sent.UUID}
	back, err := from.Receive(b.Context(), spec, &stream)
	b.noError("receive back", err)
	if back.Parent != sent.UUID {
		t.Errorf("received %+v", back)
	}
}

func TestProgressIsToldAtMostTenTimesASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _, to := newFakes(t)
		share := b.share("photos")
		b.write("photos", "big", strings.Repeat("0123456789", 1_000_000))
		snap := b.snapshot(share, suiteTask)
		stream := bytes.NewReader(b.stream(snap.UUID, btrfs.UUID{}))
		slow := readerFunc(func(p []byte) (int, error) {
			time.Sleep(10 * time.Millisecond)
			return stream.Read(p[:min(len(p), 50_000)])
		})
		start, told := time.Now(), 0
		spec := b.spec(share, snap, btrfs.UUID{})
		spec.Progress = func(int64) { told++ }
		_, err := to.Receive(b.Context(), spec, slow)
		b.noError("receive", err)
		if most := int(time.Since(start)/(100*time.Millisecond)) + 1; told < 2 || told > most {
			t.Errorf("told %d times in %v", told, time.Since(start))
		}
	})
}
