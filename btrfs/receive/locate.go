package receive

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// below is the path from .btrmesh to the place, or to an entry of it.
func (p place) below(name string) string {
	path := replicasName + "/" + p.source + "/" + p.share
	if name != "" {
		path += "/" + name
	}
	return path
}

// locate decides where the next snapshot of a replica goes: where the others
// are, even if the source has another name by now, or into the first directory
// of its name that does not belong to another source. Called in turn.
func (t *Target) locate(replica Replica, found bool, s *Spec) (place, error) {
	if found {
		return placeOf(t.pool.Path(), replica.Path)
	}
	names := sourceNames(s.SourceName, s.Source)
	for _, name := range names {
		owner, err := t.owner(name)
		if err != nil {
			return place{}, err
		}
		if owner == "" || owner == s.Source {
			return place{name, escape(s.Share)}, nil
		}
	}
	return place{}, fmt.Errorf("every directory of %v belongs to another source", names)
}

// owner returns the ID of the source that replicas/name belongs to, "" if it is
// nobody's.
func (t *Target) owner(name string) (string, error) {
	replicas, err := t.pool.Dir(replicasName)
	if err != nil {
		return "", err
	}
	defer release(replicas)
	shares, err := t.shares(replicas, name)
	if isAbsent(err) {
		return "", nil
	}
	for _, share := range shares {
		found, err := t.read(place{name, share})
		if err != nil {
			return "", err
		}
		for _, r := range found {
			if r.Source != "" {
				return r.Source, nil
			}
		}
	}
	return "", err
}

// setLatest makes latest in the directory of a replica point to the data of the
// snapshot name, at once or not at all.
func setLatest(replica *os.File, name string) error {
	fd, want := int(replica.Fd()), name+"/"+dataName
	if readLatest(replica) == want {
		return nil
	}
	if err := unix.Unlinkat(fd, newLatest, 0); err != nil && !isAbsent(err) {
		return fmt.Errorf("remove %s: %w", newLatest, err)
	}
	if err := unix.Symlinkat(want, fd, newLatest); err != nil {
		return fmt.Errorf("create %s: %w", newLatest, err)
	}
	if err := unix.Renameat(fd, newLatest, fd, latestName); err != nil {
		return fmt.Errorf("replace %s: %w", latestName, err)
	}
	return nil
}

// readLatest returns where latest points to, "" if it is not a link.
func readLatest(replica *os.File) string {
	var b [2 * maxComponent]byte
	n, err := unix.Readlinkat(int(replica.Fd()), latestName, b[:])
	if err != nil {
		return ""
	}
	return string(b[:n])
}
