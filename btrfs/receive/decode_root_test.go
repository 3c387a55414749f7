//go:build root

package receive_test

import (
	"bytes"
	"compress/zlib"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"btrmesh/btrfs"
	"btrmesh/btrfs/btrfstest"
	"btrmesh/btrfs/receive"
	"btrmesh/btrfs/sendstream"
)

func TestCompressedStreamIsReceivedWithoutEncodedWrites(t *testing.T) {
	for _, algorithm := range []string{"zlib", "zstd", "lzo"} {
		t.Run(algorithm, func(t *testing.T) {
			s := newSite(t, compressed(algorithm), btrfstest.PoolOptions{})
			must(t, btrfstest.Mutate(s.dir(), 3, 300))
			text := strings.Repeat("the quick brown fox jumps over the lazy dog. ", 20000)
			must(t, os.WriteFile(filepath.Join(s.dir(), "text"), []byte(text), 0o644))
			snap := s.snapshot(t)
			stream := s.send(t, formatV2, snap, btrfs.Snapshot{})
			if n := encodedWrites(t, stream); n == 0 {
				t.Fatal("the stream has no encoded writes")
			}
			pool, err := os.Open(s.pool.Path())
			must(t, err)
			defer func() { must(t, pool.Close()) }()
			rd := sendstream.NewReader(bytes.NewReader(stream), sendstream.Limits{})
			must(t, receive.ApplyPlain(t.Context(), pool, rd, receive.Options{Name: "plain"}))
			wantSame(t, s.at(snap), filepath.Join(pool.Name(), "plain"))
		})
	}
}

func encodedWrites(t *testing.T, stream []byte) (n int) {
	t.Helper()
	rd := sendstream.NewReader(bytes.NewReader(stream), sendstream.Limits{})
	var c sendstream.Command
	for {
		err := rd.Next(&c)
		if errors.Is(err, io.EOF) {
			return n
		}
		must(t, err)
		if c.Type == sendstream.CmdEncodedWrite {
			n++
		}
	}
}

// An inline extent is a few bytes of a file whose other extents need not be in the
// stream.
func TestInlineExtentLeavesTheRestOfALongerFile(t *testing.T) {
	pool := btrfstest.NewPool(t, btrfstest.PoolOptions{})
	before, text := bytes.Repeat([]byte("x"), 3*4096), strings.Repeat("so little ", 42)[:413]
	var packed bytes.Buffer
	w := zlib.NewWriter(&packed)
	_, err := io.WriteString(w, text)
	must(t, errors.Join(err, w.Close()))
	e := sendstream.NewEncoder(2)
	for _, c := range []command{
		{Type: sendstream.CmdSubvol, Path: []byte("s"), UUID: claimed, CTransID: claimedCTransID},
		{Type: sendstream.CmdMkfile, Path: []byte("file"), Ino: 257},
		{Type: sendstream.CmdWrite, Path: []byte("file"), Data: before},
		{
			Type: sendstream.CmdEncodedWrite, Path: []byte("file"), Data: packed.Bytes(), Compression: 1,
			UnencodedFileLen: 413, UnencodedLen: 413,
		},
		{Type: sendstream.CmdEnd},
	} {
		must(t, e.Append(&c))
	}
	path, err := apply(t, pool.Path(), "inline", e.Bytes(), 0, nil)
	must(t, err)
	got, err := os.ReadFile(filepath.Join(path, "file"))
	must(t, err)
	if want := text + string(before[413:]); string(got) != want {
		t.Errorf("the file has %d bytes, and not the %d it should have", len(got), len(want))
	}
}

func TestEncodedWritesStayCompressed(t *testing.T) {
	s := newSite(t, compressed("zstd"), btrfstest.PoolOptions{})
	text := strings.Repeat("the quick brown fox jumps over the lazy dog. ", 20000)
	must(t, os.WriteFile(filepath.Join(s.dir(), "text"), []byte(text+"unaligned"), 0o644))
	first := s.snapshot(t)
	s.receive(t, formatV2, first, btrfs.Snapshot{})
	// Shorter and unaligned: the kernel takes the last extent only after a cut.
	must(t, os.WriteFile(filepath.Join(s.dir(), "text"), []byte(text[:300001]), 0o644))
	second := s.snapshot(t)
	got := s.receive(t, formatV2, second, first)
	wantSame(t, s.at(second), s.data(t, got))
	extents, err := btrfstest.Extents(filepath.Join(s.data(t, got), "text"))
	must(t, err)
	for _, e := range extents {
		if e.Flags&btrfstest.ExtentEncoded == 0 {
			t.Errorf("extent %+v is not compressed", e)
		}
	}
}
