package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"btrmesh/btrfs"
	"btrmesh/mesh/control"
)

func TestVersionOfAStreamIsTheOldestThatWillDo(t *testing.T) {
	for _, c := range []struct {
		asked      int64
		compressed bool
		want       uint32 // 0: a usage error
	}{
		{0, false, 1}, {1, false, 1}, {2, false, 2}, {0, true, 2}, {2, true, 2}, {1, true, 0}, {3, false, 0}, {3, true, 0},
	} {
		got, err := streamVersion(c.asked, c.compressed)
		if got != c.want || (err != nil) != (c.want == 0) {
			t.Errorf("asked for %d, compressed %v: %d, %v", c.asked, c.compressed, got, err)
		}
	}
}

func TestOnlyRootMaySendByHand(t *testing.T) {
	app := newApp([]string{"btrmesh", "debug", "send", "my snapshot"})
	c := cli.NewContext(app, nil, nil)
	c.Command = &cli.Command{HelpName: "btrmesh debug send"}
	s := session{line: c}
	if err := s.needRoot(0); err != nil {
		t.Error(err)
	}
	e := control.AsError(s.needRoot(1000))
	want := "btrmesh: error: debug send needs root, for the kernel lets nobody else do it.\n" +
		"btrmesh: hint: sudo btrmesh debug send 'my snapshot'\n"
	if e.Exit != control.ExitNotAllowed || e.Text() != want {
		t.Errorf("exit is %d, text is\n%s", e.Exit, e.Text())
	}
}

func TestStreamIsNotReadFromATerminal(t *testing.T) {
	p, err := newPTY(80)
	must(t, err)
	var out, errs bytes.Buffer
	code := run([]string{"btrmesh", "debug", "receive", "dir"}, p.tty, &out, &errs)
	if code != control.ExitUsage || !strings.Contains(errs.String(), "hint: sudo btrmesh debug receive dir < FILE\n") {
		t.Errorf("exit is %d, stderr is %q", code, errs.String())
	}
	_, err = p.finish()
	must(t, err)
}

func TestInputEndsWithItsContextThoughNothingComes(t *testing.T) {
	r, w, err := os.Pipe()
	must(t, err)
	defer func() { must(t, errors.Join(r.Close(), w.Close())) }()
	ctx, cancel := context.WithCancel(t.Context())
	in := &input{ctx: ctx, file: r}
	_, err = io.WriteString(w, "data")
	must(t, err)
	b := make([]byte, 10)
	if n, err := in.Read(b); n != 4 || err != nil {
		t.Fatalf("read %d bytes, %v", n, err)
	}
	time.AfterFunc(20*time.Millisecond, cancel)
	if n, err := in.Read(b); n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("read %d bytes, %v", n, err)
	}
}

func TestOnlyOurLeftoversAreTakenForSome(t *testing.T) {
	const random = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	for name, want := range map[string]bool{
		".btrmesh-receive-" + random:                   true,
		".btrmesh-receive-" + random + ".sealing":      true,
		".btrmesh-receive-" + random + ".sealing.x":    false,
		".btrmesh-receive-" + random[1:]:               false,
		".btrmesh-receive-":                            false,
		".btrmesh":                                     false,
		"x.btrmesh-receive-" + random:                  false,
		".btrmesh-receive-" + random[:18] + ".sealing": false,
	} {
		if got := isStagingName(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestBaseThatDidNotChangeIsPreferred(t *testing.T) {
	sound := btrfs.Subvolume{ID: 1, ReceivedUUID: btrfs.UUID{1}, CTransID: 5, RTransID: 5}
	changed := btrfs.Subvolume{ID: 2, ReceivedUUID: btrfs.UUID{1}, CTransID: 6, RTransID: 5}
	original := btrfs.Subvolume{ID: 3, CTransID: 6}
	for name, c := range map[string]struct {
		found []btrfs.Subvolume
		want  int
	}{
		"one":            {[]btrfs.Subvolume{sound}, 0},
		"one, changed":   {[]btrfs.Subvolume{changed}, 0},
		"the second":     {[]btrfs.Subvolume{changed, sound, sound}, 1},
		"never received": {[]btrfs.Subvolume{original, sound}, 0},
	} {
		var found []base
		for _, sub := range c.found {
			file, err := os.Open(os.DevNull)
			must(t, err)
			found = append(found, base{file, sub})
		}
		got := choose(found)
		if got != found[c.want].file {
			t.Errorf("%s: not number %d", name, c.want)
		}
		must(t, got.Close())
		for i, b := range found {
			if err := b.file.Close(); !errors.Is(err, os.ErrClosed) {
				t.Errorf("%s: number %d was left open", name, i)
			}
		}
	}
}
