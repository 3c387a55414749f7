package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"btrmesh/mesh/control"
)

func TestDemoNeedsRoot(t *testing.T) {
	e := control.AsError(checkRoot(1000))
	if e.Exit != control.ExitNotAllowed || !slices.Contains(e.Hints, "sudo btrmesh demo") {
		t.Errorf("exit %d, hints %q", e.Exit, e.Hints)
	}
	if err := checkRoot(0); err != nil {
		t.Error(err)
	}
}

func TestDemoSaysWhatTheMachineLacks(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("mount image i on d: %w", syscall.ENODEV), "btrfs"},
		{fmt.Errorf("mount image i on d: %w", syscall.EPERM), "may not mount"},
		{fmt.Errorf("attach: %w", &fs.PathError{Op: "open", Path: "/dev/loop-control", Err: syscall.ENOENT}), "loop devices"},
		{fmt.Errorf("attach: %w", &fs.PathError{Op: "open", Path: "/dev/loop0", Err: syscall.EPERM}), "loop devices"},
	} {
		e, ok := errors.AsType[*control.Error](explainMount(c.err))
		if !ok || !strings.Contains(e.Msg, c.want) || e.Exit != control.ExitFailure || len(e.Hints) == 0 {
			t.Errorf("%v became %+v", c.err, e)
		}
	}
	if err := explainMount(fs.ErrExist); !errors.Is(err, fs.ErrExist) {
		t.Errorf("an error of another kind became %v", err)
	}
}

func TestDemoChangesEachFileOnceAtMost(t *testing.T) {
	var files []string
	for n := range 12 {
		changes := chooseChanges(files)
		if want := min(n, 3) + 1; len(changes) != want {
			t.Errorf("%d files get %d changes, want %d", n, len(changes), want)
		}
		seen := map[string]bool{}
		for _, c := range changes {
			if seen[c.path] {
				t.Errorf("of %d files %s is changed twice", n, c.path)
			}
			seen[c.path] = true
		}
		files = append(files, fmt.Sprintf("f%02d", n))
	}
}

func TestDemoChangesAreMade(t *testing.T) {
	dir := sampleTree(t)
	files, err := regularFiles(t.Context(), dir)
	must(t, err)
	if want := []string{"a", "docs/b", "docs/deep/c", "docs/z"}; !slices.Equal(files, want) {
		t.Fatalf("files are %q, want %q", files, want)
	}
	for _, c := range chooseChanges(files) {
		must(t, c.apply(dir))
	}
	after, err := regularFiles(t.Context(), dir)
	must(t, err)
	if want := []string{"a", "added-by-the-demo.txt", "docs/b", "docs/deep/c.renamed"}; !slices.Equal(after, want) {
		t.Errorf("files are then %q, want %q", after, want)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "a")); err != nil || !strings.HasPrefix(string(text), "alphaThis line") {
		t.Errorf("the edited file is %q (%v)", text, err)
	}
}

func TestDemoTypesWhatTheInviteSays(t *testing.T) {
	args, err := joinLine("Invite 1 of nas-a.\nOn the other appliance run:\n\n    sudo btrmesh pair join bm1-ABC --at 127.0.0.1:7\n\n")
	if want := []string{"pair", "join", "bm1-ABC", "--at", "127.0.0.1:7"}; err != nil || !slices.Equal(args, want) {
		t.Errorf("got %q (%v), want %q", args, err, want)
	}
	if _, err := joinLine("no invite\n"); err == nil {
		t.Error("a line was found where there is none")
	}
}

func TestDemoKeepsTheMachinesOwnSettingsFromItsDaemons(t *testing.T) {
	got := cleanEnvironment([]string{
		"PATH=/bin", "BTRMESH_STATE=/var/lib/btrmesh", "NOTIFY_SOCKET=/run/n", "WATCHDOG_USEC=1", "JOURNAL_STREAM=8:1", "TERM=xterm", "odd",
	})
	if want := []string{"PATH=/bin", "TERM=xterm", "odd"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestDemoTakesOnlyAnEmptyPlaceToKeep(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	for range 2 { // new, then empty
		place, err := makePlace(dir, "")
		if err != nil || place.dir != dir || !place.keep {
			t.Fatalf("got %+v (%v)", place, err)
		}
	}
	must(t, os.WriteFile(filepath.Join(dir, "mine"), nil, 0o600))
	if _, err := makePlace(dir, ""); err == nil {
		t.Error("a directory in use was taken")
	}
	must(t, demoPlace{dir: dir, keep: true}.remove())
	if _, err := os.Stat(filepath.Join(dir, "mine")); err != nil {
		t.Error("a place to keep was removed")
	}
}

func TestDemoRemovesItsTemporaryPlace(t *testing.T) {
	base := t.TempDir()
	place, err := makePlace("", base)
	must(t, err)
	if info, err := os.Stat(place.dir); err != nil || info.Mode().Perm() != 0o700 || filepath.Dir(place.dir) != base {
		t.Fatalf("it is %s with mode %v (%v)", place.dir, info.Mode(), err)
	}
	must(t, place.remove())
	if left, err := os.ReadDir(base); err != nil || len(left) > 0 {
		t.Errorf("%d files are left (%v)", len(left), err)
	}
}

func TestDemoRefusesPlacesThatAreTooSmallOrTooDeep(t *testing.T) {
	place := demoPlace{dir: t.TempDir()}
	e, ok := errors.AsType[*control.Error](place.checkFree(demoSize{bytes: 1 << 60, paths: 1}, control.IEC))
	if !ok || e.Code != codeDemoNoSpace || !strings.Contains(e.Msg, "1.0 EiB") {
		t.Errorf("a tree of an exbibyte: %+v", e)
	}
	if err := place.checkLength([]string{strings.Repeat("x", longestSocket)}); err != nil {
		t.Error(err)
	}
	if err := place.checkLength([]string{strings.Repeat("x", longestSocket+1)}); err == nil {
		t.Error("a socket too long for the kernel passed")
	}
}

func TestDemoImagesHaveRoomForTheShareTwice(t *testing.T) {
	for _, share := range []demoSize{{}, {paths: 1e6, bytes: 1 << 20}, {paths: 10, bytes: 100<<30 + 1}} {
		size := imageSize(share)
		if size < 2*share.onDisk() || size < 4<<30 || size%(1<<20) != 0 {
			t.Errorf("%+v gets an image of %d bytes", share, size)
		}
	}
}

func TestDemoTellsOfCleaningUpBesideTheFirstError(t *testing.T) {
	first, second := control.Errorf(codeDemoFailed, "first."), errors.New("still mounted")
	if err := withCleanup(first, first); !errors.Is(err, first) || len(first.Facts) > 0 {
		t.Errorf("one error was told twice: %+v", first)
	}
	if e := control.AsError(withCleanup(first, second)); e.Msg != "first." || !slices.Equal(e.Facts, []string{"then: still mounted"}) {
		t.Errorf("got %+v", e)
	}
	if e := control.AsError(withCleanup(nil, second)); e.Exit != control.ExitFailure || !strings.Contains(e.Msg, "still mounted") {
		t.Errorf("got %+v", e)
	}
	if err := withCleanup(nil, nil); err != nil {
		t.Error(err)
	}
}

func TestDemoSaysWhyItEnded(t *testing.T) {
	failed, died := errors.New("exit status 1"), control.Errorf(codeDemoFailed, "the daemon of nas-b failed.")
	ctx, cancel := context.WithCancelCause(t.Context())
	if err := whyEnded(ctx, failed); !errors.Is(err, failed) {
		t.Errorf("while it goes on: %v", err)
	}
	cancel(died)
	if err := whyEnded(ctx, failed); !errors.Is(err, died) {
		t.Errorf("after a daemon died: %v", err)
	}
	interrupted, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("interrupt signal received"))
	if e := control.AsError(whyEnded(interrupted, failed)); e.Exit != control.ExitInterrupted {
		t.Errorf("after a signal: %+v", e)
	}
	if err := whyEnded(interrupted, nil); err != nil {
		t.Errorf("at the end of the visit: %v", err)
	}
}

func TestDemoBelievesARunOnlyIfBothSidesDo(t *testing.T) {
	ok := []control.Run{{Number: 3, Result: control.ResultUnchanged}, {Number: 2, Result: control.ResultOK}, {Number: 1, Result: control.ResultOK}}
	run, err := newestOK(ok, []control.Receipt{{Number: 2, Result: control.ResultOK}})
	if err != nil || run.Number != 2 {
		t.Errorf("got run %d (%v)", run.Number, err)
	}
	for name, c := range map[string]struct {
		sent     []control.Run
		received []control.Receipt
	}{
		"not at the target":    {ok, []control.Receipt{{Number: 1, Result: control.ResultOK}}},
		"failed at the target": {ok, []control.Receipt{{Number: 2, Result: control.ResultFailed}}},
		"nothing was sent":     {ok[:1], nil},
		"an earlier failure":   {append(slices.Clone(ok), control.Run{Result: control.ResultFailed}), []control.Receipt{{Number: 2, Result: control.ResultOK}}},
	} {
		if _, err := newestOK(c.sent, c.received); err == nil {
			t.Errorf("%s: it was believed", name)
		}
	}
}

func TestDemoShowsTheEndOfALog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	must(t, os.WriteFile(path, []byte("1\n2\n3\n"), 0o600))
	if got := lastLines(path, 2); !slices.Equal(got, []string{"2", "3"}) {
		t.Errorf("got %q", got)
	}
	if got := lastLines(path+"-gone", 2); got != nil {
		t.Errorf("of no log: %q", got)
	}
}
