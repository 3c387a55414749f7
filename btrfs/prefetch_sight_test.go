package btrfs

import (
	"testing"

	"btrmesh/btrfs/sendstream"
)

func TestSpotIsPastWhatWasSent(t *testing.T) {
	e := dataExtent{inode: 300, offset: 4096, length: 4096}
	for at, want := range map[spot]bool{
		{}:          false,
		{299, 1e9}:  false,
		{300, 0}:    false,
		{300, 8191}: false,
		{300, 8192}: true,
		{301, 0}:    true,
	} {
		if got := at.isPast(e); got != want {
			t.Errorf("%v past %v: %v", at, e, got)
		}
	}
}

func TestSightHoldsTheLastFileAndItsData(t *testing.T) {
	made := sendstream.Command{Type: sendstream.CmdMkfile, Path: []byte("o300-1-0"), Ino: 300}
	write := sendstream.Command{Type: sendstream.CmdWrite, Path: []byte("a/b"), FileOffset: 10, Data: make([]byte, 5)}
	times := sendstream.Command{Type: sendstream.CmdUtimes, Path: []byte("a")}
	s := newSight()
	for i, step := range []struct {
		c    sendstream.Command
		want glimpse
	}{
		{times, glimpse{}},
		{made, glimpse{made: 300}},
		{write, glimpse{made: 300, path: "a/b", end: 15}},
		{times, glimpse{made: 300, path: "a/b", end: 15}},
		{made, glimpse{made: 300}},
	} {
		s.watch(&step.c)
		if got := s.last(); got != step.want {
			t.Errorf("step %d: %+v, want %+v", i, got, step.want)
		}
	}
}

func TestSightGivesOneTokenOnceEnoughHasPassed(t *testing.T) {
	s, c := newSight(), &sendstream.Command{Type: sendstream.CmdUtimes, Size: 100}
	s.watch(c)
	wantTokens(t, s, 0)
	s.after(250)
	s.watch(c)
	s.watch(c)
	wantTokens(t, s, 0)
	s.watch(c)
	s.watch(c)
	wantTokens(t, s, 1)
	s.after(0)
	s.watch(c)
	s.after(0)
	s.watch(c) // does not wait for the first to be taken
	wantTokens(t, s, 1)
}

func wantTokens(t *testing.T, s *sight, want int) {
	t.Helper()
	if got := len(s.passed); got != want {
		t.Errorf("%d tokens, want %d", got, want)
	}
	for range len(s.passed) {
		<-s.passed
	}
}
