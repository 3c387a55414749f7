package discover

import (
	"net/netip"
	"strings"

	"btrmesh/certs"
)

// service is the DNS-SD type of an appliance, and domain where it is asked for.
const (
	service = "_btrmesh._udp"
	domain  = "local."
)

// The keys of the TXT record (RFC 6763, 6.3). version comes first; a higher
// number than ours may mean anything.
const (
	versionKey = "txtvers"
	version    = "1"
	idKey      = "id"
	nameKey    = "name"
	meshKey    = "mesh"
	addrKey    = "addr" // one for each address
)

// Bounds of what is announced and what is believed to be one.
const (
	maxAddrs  = 8
	maxFields = 5 + maxAddrs + 8 // some room for keys of later versions
	maxMesh   = 16
)

// Presence is what an appliance says of itself.
type Presence struct {
	ID   certs.ID
	Name string // as certs.CheckName has it
	Port int    // UDP, 1 to 65535
	Mesh string // beginning of the mesh's hash, up to 16 letters and digits; empty: in none
}

// valid tells whether p may be announced, or believed to have been.
func (p Presence) valid() bool {
	return !p.ID.IsZero() && certs.CheckName(p.Name) == nil && p.Port > 0 && p.Port < 1<<16 && validMesh(p.Mesh)
}

func validMesh(text string) bool {
	return len(text) <= maxMesh && strings.IndexFunc(text, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) < 0
}

// fields is the TXT record of p at its addresses.
func (p Presence) fields(addrs []netip.Addr) []string {
	list := []string{versionKey + "=" + version, idKey + "=" + p.ID.String(), nameKey + "=" + p.Name}
	if p.Mesh != "" {
		list = append(list, meshKey+"="+p.Mesh)
	}
	for _, a := range addrs {
		list = append(list, addrKey+"="+a.String())
	}
	return list
}

// claim is a parsed announcement: a presence and where it says to be.
type claim struct {
	Presence
	addrs []netip.Addr // 1 to maxAddrs
}

// parse reads an announcement by its instance name, SRV port and TXT record.
// ok is false for anything that this package would not have announced.
func parse(instance string, port int, txt []string) (c claim, ok bool) {
	if len(txt) == 0 || len(txt) > maxFields || txt[0] != versionKey+"="+version {
		return c, false
	}
	c.Port = port
	for _, field := range txt[1:] {
		key, value, _ := strings.Cut(field, "=")
		if !c.take(key, value) {
			return c, false
		}
	}
	mine := c.ID.String() + "." + service + "." + domain
	return c, c.valid() && len(c.addrs) > 0 && strings.EqualFold(instance, mine)
}

// take reads one field; a key it does not know means nothing.
func (c *claim) take(key, value string) (ok bool) {
	var err error
	switch key {
	case idKey:
		c.ID, err = certs.ParseID(value)
	case nameKey:
		c.Name = value
	case meshKey:
		c.Mesh = value
	case addrKey:
		var a netip.Addr
		a, err = netip.ParseAddr(value)
		c.addrs = append(c.addrs, a)
		return err == nil && usable(a) && len(c.addrs) <= maxAddrs
	}
	return err == nil
}

// usable tells whether an appliance can be reached at a from another machine
// without more than the address.
func usable(a netip.Addr) bool {
	return a.IsValid() && a.Zone() == "" && !a.Is4In6() && (a.IsGlobalUnicast() || a.Is4() && a.IsLinkLocalUnicast())
}
