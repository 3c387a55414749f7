package gossip

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"

	"btrmesh/certs"
)

// The one address all members have for memberlist, which would call a change of
// a real one a conflict and keep the old. The transport goes by name alone. It
// is of TEST-NET-1 (RFC 5737).
const (
	anywhereHost = "192.0.2.1"
	anywherePort = 1
)

func anywhereIP() net.IP { return net.ParseIP(anywhereHost).To4() }

// joinTarget returns a member as memberlist's Join wants it.
func joinTarget(id certs.ID) string {
	return id.String() + "/" + net.JoinHostPort(anywhereHost, strconv.Itoa(anywherePort))
}

// idOf returns the member called name. Only the one text of an ID counts, or a
// member could be known twice.
func idOf(name string) (certs.ID, error) {
	id, err := certs.ParseID(name)
	if err != nil {
		return certs.ID{}, fmt.Errorf("name %q: %w", name, err)
	}
	if id.String() != name {
		return certs.ID{}, fmt.Errorf("name %q: %w", name, errSpelling)
	}
	return id, nil
}

// maxNames is how many names are remembered, more than a mesh has.
const maxNames = 2 * maxNodes

// names remembers IDs by name, since memberlist gives a name with all it says
// and parsing one costs a microsecond. Safe for concurrent use.
type names struct {
	mu  sync.Mutex
	ids map[string]certs.ID
}

func newNames() *names { return &names{ids: make(map[string]certs.ID)} }

// id is idOf.
func (n *names) id(name string) (certs.ID, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if id, ok := n.ids[name]; ok {
		return id, nil
	}
	id, err := idOf(name)
	if err != nil {
		return certs.ID{}, err
	}
	if len(n.ids) >= maxNames {
		clear(n.ids)
	}
	n.ids[name] = id
	return id, nil
}

var (
	errSpelling = errors.New("not the text of an ID letter by letter")
	errStranger = errors.New("not a member")
	errClosed   = errors.New("gossip has ended")
)
