package btrfs

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var compareWarm = cmp.AllowUnexported(warmFile{}, dataExtent{})

// openNumbered gives each file the number of its inode.
func openNumbered(inode uint64) (warmFile, error) { return warmFile{fd: int(inode), inode: inode}, nil }

func windowOf(t *testing.T, extents ...dataExtent) *window {
	t.Helper()
	w := &window{}
	for _, e := range extents {
		if f, err := w.add(e, openNumbered); err != nil || f.inode != e.inode {
			t.Errorf("file %+v, error %v", f, err)
		}
	}
	return w
}

func TestWindowLetsGoOfWhatTheSendIsPast(t *testing.T) {
	small, begin, end := dataExtent{inode: 1, length: 10}, dataExtent{inode: 2, length: 20}, dataExtent{inode: 2, offset: 20, length: 30}
	type gone struct {
		files   []warmFile
		extents []dataExtent
		left    int64 // bytes
	}
	for name, c := range map[string]struct {
		at   spot
		want gone
	}{
		"nothing sent":          {spot{}, gone{left: 60}},
		"in the first file":     {spot{1, 5}, gone{left: 60}},
		"first file sent":       {spot{1, 10}, gone{extents: []dataExtent{small}, left: 50}},
		"second file begun":     {spot{2, 0}, gone{files: []warmFile{{1, 1}}, left: 50}},
		"in the second file":    {spot{2, 25}, gone{files: []warmFile{{1, 1}}, extents: []dataExtent{begin}, left: 30}},
		"second file sent":      {spot{2, 50}, gone{files: []warmFile{{1, 1}}, extents: []dataExtent{begin, end}}},
		"all of it left behind": {spot{9, 0}, gone{files: []warmFile{{1, 1}, {2, 2}}}},
	} {
		t.Run(name, func(t *testing.T) {
			w := windowOf(t, small, begin, end)
			files, extents := w.pass(c.at)
			got := gone{append([]warmFile(nil), files...), extents, w.bytes}
			if diff := cmp.Diff(c.want, got, compareWarm, cmp.AllowUnexported(gone{})); diff != "" {
				t.Errorf("want - got +:\n%s", diff)
			}
		})
	}
}

func TestFileStaysOpenBetweenItsExtents(t *testing.T) {
	w := windowOf(t, dataExtent{inode: 1, length: 10})
	w.pass(spot{1, 10})
	reopen := func(uint64) (warmFile, error) { return warmFile{}, errors.New("opened again") }
	if _, err := w.add(dataExtent{inode: 1, offset: 10, length: 10}, reopen); err != nil {
		t.Error(err)
	}
	if files, _ := w.pass(spot{2, 0}); len(files) != 1 {
		t.Errorf("%d files let go of", len(files))
	}
}

func TestWindowIsFullByBytesAndByFiles(t *testing.T) {
	big := windowOf(t, dataExtent{inode: 1, length: windowBytes - 1})
	if big.isFull() {
		t.Error("full before its bytes are used up")
	}
	_, _ = big.add(dataExtent{inode: 1, offset: windowBytes, length: 1}, openNumbered)
	if !big.isFull() {
		t.Error("not full of bytes")
	}
	many := &window{}
	for inode := range uint64(windowFiles) {
		if many.isFull() {
			t.Fatalf("full after %d files", inode)
		}
		_, _ = many.add(dataExtent{inode: inode + 1, length: 1}, openNumbered)
	}
	if !many.isFull() {
		t.Error("not full of files")
	}
}

func TestWindowIsAsItWasWhenAFileCannotBeOpened(t *testing.T) {
	w, broken := windowOf(t, dataExtent{inode: 1, length: 1}), errors.New("broken")
	if _, err := w.add(dataExtent{inode: 2, length: 1}, func(uint64) (warmFile, error) { return warmFile{}, broken }); !errors.Is(err, broken) {
		t.Errorf("error is %v", err)
	}
	if len(w.files) != 1 || len(w.extents) != 1 || w.bytes != 1 {
		t.Errorf("window is %+v", w)
	}
}
