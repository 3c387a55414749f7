//go:build root

package btrfstest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
)

func TestReflinksAreSeenInPlainAndInCompressedFiles(t *testing.T) {
	for _, mount := range []string{"", "compress-force=zstd"} {
		t.Run(mount, func(t *testing.T) {
			dir := makeShare(t, NewPool(t, PoolOptions{Mount: mount}), "share")
			text := bytes.Repeat([]byte("all work and no play "), 20_000)
			for i := range 300 { // more than one answer of the kernel holds
				mustDo(t, os.WriteFile(fmt.Sprintf("%s/f%d", dir, i), text[:70_000+i], 0o644))
			}
			mustDo(t, os.WriteFile(dir+"/a", text, 0o644))
			mustDo(t, os.WriteFile(dir+"/b", nil, 0o644))
			mustDo(t, editFile(dir+"/b", os.O_RDWR, func(to *os.File, _ int64) error {
				return editFile(dir+"/a", os.O_RDONLY, func(from *os.File, _ int64) error {
					return btrfs.CloneRange(to, 0, from, 16<<10, 192<<10)
				})
			}))
			links := readSynced(t, dir)
			if got := links.Shared(); got != 192<<10 {
				t.Errorf("%d bytes shared, want 192 KiB", got)
			}
			if len(links.places) < 300*70_000/blockSize {
				t.Errorf("only %d blocks seen", len(links.places))
			}
			mustDo(t, editFile(dir+"/b", os.O_RDWR, func(f *os.File, _ int64) error {
				_, err := f.WriteAt(text[:blockSize], 64<<10)
				return err
			}))
			if lost := links.Unshare(readSynced(t, dir)); lost != "\"/b\": 1 blocks\n" {
				t.Errorf("after a write to one block: %q", lost)
			}
		})
	}
}

func readSynced(t *testing.T, dir string) Reflinks {
	t.Helper()
	f, err := os.Open(dir)
	mustDo(t, err)
	mustDo(t, errors.Join(btrfs.SyncFS(f), f.Close()))
	links, err := ReadReflinks(dir)
	mustDo(t, err)
	return links
}

func TestSimpleQuotaStopsAWrite(t *testing.T) {
	pool := NewPool(t, PoolOptions{})
	mustDo(t, EnableSimpleQuota(pool.Path()))
	dir := makeShare(t, pool, "share")
	mustDo(t, exec.CommandContext(t.Context(), "btrfs", "qgroup", "limit", "8M", dir).Run())
	if err := os.WriteFile(dir+"/file", make([]byte, 16<<20), 0o644); !errors.Is(err, unix.EDQUOT) {
		t.Errorf("%v, want EDQUOT", err)
	}
}

func mustDo(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
