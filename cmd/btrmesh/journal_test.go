package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestJournalLinesCarryTheirPriorityAndNoTime(t *testing.T) {
	var b bytes.Buffer
	log := slog.New(newJournalHandler(&b, slog.LevelDebug)).With("task", "vm")
	log.Error("run failed", "err", errors.New("no space"))
	log.Warn("run retried")
	log.WithGroup("run").Info("run ended", "time", 5)
	log.Debug("unchanged")
	want := `<3>msg="run failed" task=vm err="no space"
<4>msg="run retried" task=vm
<6>msg="run ended" task=vm run.time=5
<7>msg=unchanged task=vm
`
	if b.String() != want {
		t.Errorf("journal got\n%swant\n%s", b.String(), want)
	}
}

func TestJournalIsKnownByItsInode(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	var stat syscall.Stat_t
	if err := syscall.Fstat(int(f.Fd()), &stat); err != nil {
		t.Fatal(err)
	}
	own := fmt.Sprintf("%d:%d", stat.Dev, stat.Ino)
	for stream, want := range map[string]bool{own: true, own + "1": false, "": false, "x": false} {
		if got := isJournal(f, stream); got != want {
			t.Errorf("JOURNAL_STREAM=%q: %v", stream, got)
		}
	}
	if isJournal(new(bytes.Buffer), own) {
		t.Error("a buffer is the journal")
	}
}
