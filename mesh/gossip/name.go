package gossip

import (
	"errors"
	"fmt"
	"net"
	"strconv"

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

var (
	errSpelling = errors.New("not the text of an ID letter by letter")
	errStranger = errors.New("not a member")
	errClosed   = errors.New("gossip has ended")
)
