package receive

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
)

// stagingName is the directory in incoming/ of a snapshot that is on its way. All
// attempts at one snapshot share it, so that the next one finds what the last
// one left.
func stagingName(source, share string, snapshot btrfs.UUID) string {
	return stagingPrefix(source, share) + snapshot.String()
}

// stagingPrefix begins the directories of one replica. The share, which may be
// any text, is in it as a hash.
func stagingPrefix(source, share string) string {
	sum := sha256.Sum256([]byte(share))
	return fmt.Sprintf("%s-%x-", source, sum[:8])
}

// isStagingName reports whether stagingName can have returned name.
func isStagingName(name string) bool {
	const tail = len("-0123456789abcdef-") + len("xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx")
	if len(name) <= tail {
		return false
	}
	source, rest := name[:len(name)-tail], name[len(name)-tail:]
	uuid, err := btrfs.ParseUUID(rest[18:])
	if err != nil || checkID(source) != nil || rest[0] != '-' || rest[17] != '-' {
		return false
	}
	return uuid.String() == rest[18:] && strings.Trim(rest[1:17], "0123456789abcdef") == ""
}

// tidy removes everything in a staging directory but one checkpoint and returns
// what it removed. It goes on after an error.
func (t *Target) tidy(dir *os.File, keep string) (removed []string, failed error) {
	names, err := entries(dir)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if name == keep {
			continue
		}
		err := t.discard(dir, name)
		if err == nil {
			removed = append(removed, name)
		}
		failed = errors.Join(failed, err)
	}
	return removed, failed
}

// entries lists a directory from its beginning, however often it was listed
// before.
func entries(dir *os.File) ([]string, error) {
	again, err := openDir(dir, ".")
	if err != nil {
		return nil, err
	}
	defer release(again)
	names, err := again.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", dir.Name(), err)
	}
	return names, nil
}

// overtaken removes what is staged for other snapshots of a replica, now that
// name is committed. What somebody works in stays.
func (t *Target) overtaken(s *Spec, incoming *os.File, name string) {
	names, err := entries(incoming)
	if err != nil {
		t.log.Warn("staging not listed", "error", err)
		return
	}
	for _, other := range names {
		if other == name || !strings.HasPrefix(other, stagingPrefix(s.Source, s.Share)) || !t.claim(other) {
			continue
		}
		if err := t.discard(incoming, other); err != nil {
			t.log.Warn("staging not removed", "dir", other, "error", err)
		}
		t.unclaim(other)
	}
}

// openStaging opens the staging directory name if there is one.
func openStaging(incoming *os.File, name string) (*os.File, bool, error) {
	dir, err := openDir(incoming, name)
	if errors.Is(err, unix.ENOENT) {
		return nil, false, nil
	}
	return dir, err == nil, err
}
