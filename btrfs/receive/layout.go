package receive

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// Below .btrmesh on a pool:
//
//	incoming/<source ID>-<hash of the share>-<UUID of the snapshot>/{data,ck-<position>,snapshot.json}
//	replicas/<source>/<share>/<UTC time>/{data,snapshot.json}
//	replicas/<source>/<share>/latest -> <UTC time>/data
const (
	incomingName = "incoming"
	replicasName = "replicas"
	dataName     = "data"
	sidecarName  = "snapshot.json"
	latestName   = "latest"
	newLatest    = ".latest" // latest before it is moved into place
)

// maxComponent is the longest name of a directory entry, in bytes.
const maxComponent = 255

// shortID is how many characters of an appliance ID tell two of one name apart.
const shortID = 7

// escape makes any text one component of a path: "%", "/", control characters
// and a leading "." become %XX. Different texts stay different.
func escape(text string) string {
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		if c == '%' || c == '/' || c < ' ' || c == 0x7f || c == '.' && i == 0 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// component escapes text and checks its length.
func component(text string) (string, error) {
	name := escape(text)
	if name == "" {
		return "", errors.New("it is empty")
	}
	if len(name) > maxComponent {
		return "", fmt.Errorf("it has %d bytes as a directory name, at most %d fit", len(name), maxComponent)
	}
	return name, nil
}

// sourceNames lists the directories under replicas/ that a source may have, the
// wanted one first. A later one is for when those before belong to another
// source of the same name.
func sourceNames(name, id string) []string {
	short := id[:min(shortID, len(id))]
	return []string{escape(name), escape(name) + "-" + short, escape(name) + "-" + id}
}

// timeNames lists the directory names a snapshot may have, the wanted one first;
// later ones are for when the second is taken.
func timeNames(taken time.Time) []string {
	taken = taken.UTC()
	return []string{
		taken.Format("20060102T150405Z"),
		taken.Format("20060102T150405.000Z"),
		taken.Format("20060102T150405.000000Z"),
		taken.Format("20060102T150405.000000000Z"),
	}
}

// place is where a replica lies under replicas/: two directory names.
type place struct{ source, share string }

func (p place) path(pool string) string {
	return filepath.Join(pool, ".btrmesh", replicasName, p.source, p.share)
}

// placeOf is the opposite of path.
func placeOf(pool, path string) (place, error) {
	path = filepath.Clean(path)
	source, share := filepath.Base(filepath.Dir(path)), filepath.Base(path)
	if p := (place{source, share}); p.path(pool) == path {
		return p, nil
	}
	return place{}, fmt.Errorf("%s is not the path of a replica of pool %s", path, pool)
}
