//go:build root

package btrfs_test

import (
	"bytes"
	"compress/zlib"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
)

func TestSnapshotPointsAtItsSubvolume(t *testing.T) {
	p := newPool(t, "")
	share := newShare(t, p, "a")
	top, src := openDir(t, p.Path()), openDir(t, filepath.Join(p.Path(), "a"))
	must(t, btrfs.CreateSnapshot(top, "ro", src, true))
	must(t, btrfs.CreateSnapshot(top, "rw", src, false))
	ro, rw := info(t, p, "ro"), info(t, p, "rw")
	if ro.ParentUUID != share.UUID || !ro.ReadOnly || ro.ParentID != 5 || ro.OTransID == 0 || ro.OTime.IsZero() {
		t.Errorf("read-only snapshot is %+v", ro)
	}
	if rw.ParentUUID != share.UUID || rw.ReadOnly || rw.UUID == ro.UUID {
		t.Errorf("writable snapshot is %+v", rw)
	}
}

func TestInfoRefusesWhatIsNoSubvolume(t *testing.T) {
	p := newPool(t, "")
	must(t, os.Mkdir(filepath.Join(p.Path(), "plain"), 0o755))
	_, err := btrfs.Info(openDir(t, filepath.Join(p.Path(), "plain")))
	wantError(t, err, btrfs.ErrNotSubvolume)
	_, err = btrfs.Info(openDir(t, "/proc"))
	wantError(t, err, btrfs.ErrNotBtrfs)
}

func TestOpenByIDReachesWhatTheMountDoesNot(t *testing.T) {
	p := newPool(t, "")
	newShare(t, p, "seen")
	hidden := newShare(t, p, "hidden/deep/one")
	sub := openPool(t, bind(t, filepath.Join(p.Path(), "seen")))
	dir, err := sub.OpenByID(hidden.ID)
	must(t, err)
	defer dir.Close() //nolint:errcheck // opened for reading
	got, err := btrfs.Info(dir)
	must(t, err)
	if got.UUID != hidden.UUID {
		t.Errorf("opened %s, want %s", got.UUID, hidden.UUID)
	}
}

func TestOpenByIDOfNothingGivesENOENT(t *testing.T) {
	_, err := newPool(t, "").OpenByID(4711)
	wantError(t, err, unix.ENOENT)
}

func TestReceivedMarkIsReadBackAndFoundAtAllItsSubvolumes(t *testing.T) {
	p := newPool(t, "")
	want := btrfs.UUID{1, 2, 3}
	taken := time.Date(2026, 11, 23, 10, 0, 0, 5, time.UTC)
	var ids []uint64
	for _, name := range []string{"a", "b"} {
		ids = append(ids, newShare(t, p, name).ID)
		dir := openDir(t, filepath.Join(p.Path(), name))
		rtransid, err := btrfs.SetReceived(dir, want, 77, taken)
		must(t, err)
		must(t, btrfs.SetReadOnly(dir, true))
		got := info(t, p, name)
		if got.ReceivedUUID != want || got.STransID != 77 || got.RTransID != rtransid || !got.STime.Equal(taken) || !got.ReadOnly {
			t.Errorf("%s is %+v", name, got)
		}
	}
	found, err := p.FindReceived(want)
	must(t, err)
	slices.Sort(found)
	if diff := cmp.Diff(ids, found); diff != "" {
		t.Errorf("received subvolumes (-want +got):\n%s", diff)
	}
}

func TestReceivedMarkIsRefusedByAReadOnlySubvolume(t *testing.T) {
	p := newPool(t, "")
	newShare(t, p, "a")
	dir := openDir(t, filepath.Join(p.Path(), "a"))
	must(t, btrfs.SetReadOnly(dir, true))
	_, err := btrfs.SetReceived(dir, btrfs.UUID{1}, 1, time.Time{})
	wantError(t, err, unix.EROFS)
	must(t, btrfs.SetReadOnly(dir, false))
	_, err = btrfs.SetReceived(dir, btrfs.UUID{1}, 1, time.Time{})
	must(t, err)
}

func TestUUIDIsFoundUntilItsSubvolumeIsDeleted(t *testing.T) {
	p := newPool(t, "")
	share := newShare(t, p, "a")
	found, err := p.FindUUID(share.UUID)
	if err != nil || !slices.Equal(found, []uint64{share.ID}) {
		t.Errorf("found %v (%v), want %d", found, err, share.ID)
	}
	must(t, btrfs.DeleteByID(openDir(t, p.Path()), share.ID))
	if _, err := os.Stat(filepath.Join(p.Path(), "a")); err == nil {
		t.Error("the subvolume is still there")
	}
	for _, u := range []btrfs.UUID{{}, {9}} {
		if found, err := p.FindUUID(u); err != nil || found != nil {
			t.Errorf("found %v (%v) for %s", found, err, u)
		}
	}
	wantError(t, btrfs.DeleteByID(openDir(t, p.Path()), share.ID), unix.ENOENT)
}

func TestSubvolumeWithOthersInsideIsNotDeleted(t *testing.T) {
	p := newPool(t, "")
	outer := newShare(t, p, "a")
	newShare(t, p, "a/b")
	wantError(t, btrfs.DeleteByID(openDir(t, p.Path()), outer.ID), unix.ENOTEMPTY)
}

func TestCreateRefusesNamesThatAreNoComponent(t *testing.T) {
	p := newPool(t, "")
	top := openDir(t, p.Path())
	for _, name := range []string{"", ".", "..", "a/b", "a\x00b"} {
		if err := btrfs.CreateSubvolume(top, name); err == nil {
			t.Errorf("subvolume %q was made", name)
		}
		if err := btrfs.CreateSnapshot(top, name, top, true); err == nil {
			t.Errorf("snapshot %q was made", name)
		}
	}
}

func TestCloneRangeSharesContent(t *testing.T) {
	p := newPool(t, "")
	want := bytes.Repeat([]byte("0123456789abcdef"), 1024)
	must(t, os.WriteFile(filepath.Join(p.Path(), "src"), want, 0o600))
	src := openDir(t, filepath.Join(p.Path(), "src"))
	dst, err := os.Create(filepath.Join(p.Path(), "dst"))
	must(t, err)
	defer dst.Close() //nolint:errcheck // read back below
	must(t, btrfs.CloneRange(dst, 4096, src, 0, int64(len(want))))
	got, err := os.ReadFile(dst.Name())
	must(t, err)
	if !bytes.Equal(got[4096:], want) || len(got) != 4096+len(want) {
		t.Error("the clone differs")
	}
}

func TestEncodedWriteIsReadDecoded(t *testing.T) {
	p := newPool(t, "")
	want := bytes.Repeat([]byte("btrmesh "), 8192)
	f, err := os.Create(filepath.Join(p.Path(), "f"))
	must(t, err)
	defer f.Close() //nolint:errcheck // read back below
	size := uint64(len(want))
	must(t, btrfs.EncodedWrite(int(f.Fd()), deflate(t, want), btrfs.Encoded{Len: size, UnencodedLen: size, Compression: 1}))
	got, err := os.ReadFile(f.Name())
	must(t, err)
	if !bytes.Equal(got, want) {
		t.Error("the content differs")
	}
	wantError(t, btrfs.EncodedWrite(int(f.Fd()), nil, btrfs.Encoded{}), unix.EINVAL)
	wantError(t, btrfs.EncodedWrite(int(f.Fd()), []byte("x"), btrfs.Encoded{Offset: 1, Len: 1, UnencodedLen: 1, Compression: 1}), unix.EINVAL)
}

func deflate(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, err := w.Write(data)
	must(t, errors.Join(err, w.Close()))
	return b.Bytes()
}

func info(t *testing.T, p *btrfs.Pool, name string) btrfs.Subvolume {
	t.Helper()
	s, err := btrfs.Info(openDir(t, filepath.Join(p.Path(), name)))
	must(t, err)
	return s
}

// bind mounts dir a second time, so that what is around it is out of sight.
func bind(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	must(t, unix.Mount(dir, to, "", unix.MS_BIND, ""))
	t.Cleanup(func() { must(t, unix.Unmount(to, 0)) })
	return to
}
