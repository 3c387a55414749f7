package discover

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"btrmesh/certs"
)

// nasB is what the tests announce.
var nasB = Presence{ID: certs.ID{1, 2, 3}, Name: "nas-b", Port: 7945, Mesh: "QH3T6YP"}

// lan are its addresses.
var lan = []netip.Addr{netip.MustParseAddr("192.168.1.11"), netip.MustParseAddr("fd00::11")}

func instanceOf(p Presence) string { return p.ID.String() + "._btrmesh._udp.local." }

func TestWhatIsAnnouncedIsRead(t *testing.T) {
	fresh := nasB
	fresh.Mesh = ""
	for _, p := range []Presence{nasB, fresh} {
		c, ok := parse(instanceOf(p), p.Port, p.fields(lan))
		if !ok {
			t.Fatalf("%+v is not read", p)
		}
		if diff := cmp.Diff(p, c.Presence); diff != "" {
			t.Error(diff)
		}
		if !slices.Equal(c.addrs, lan) {
			t.Errorf("addresses are %v", c.addrs)
		}
	}
}

func TestKeysOfLaterVersionsMeanNothing(t *testing.T) {
	if _, ok := parse(instanceOf(nasB), 7945, append(nasB.fields(lan), "colour=blue", "flag")); !ok {
		t.Error("an unknown key makes it unreadable")
	}
}

func TestHostileAnnouncementsAreDropped(t *testing.T) {
	good := nasB.fields(lan)
	with := func(key, value string) []string {
		list := slices.Clone(good)
		i := slices.IndexFunc(list, func(f string) bool { return strings.HasPrefix(f, key+"=") })
		list[i] = key + "=" + value
		return list
	}
	many := slices.Clone(good)
	for range maxAddrs {
		many = append(many, "addr=10.0.0.1")
	}
	other := nasB
	other.ID = certs.ID{9}
	for name, c := range map[string]struct {
		instance string
		port     int
		txt      []string
	}{
		"nothing":                   {instanceOf(nasB), 7945, nil},
		"another version":           {instanceOf(nasB), 7945, with("txtvers", "2")},
		"no version first":          {instanceOf(nasB), 7945, good[1:]},
		"another's instance":        {instanceOf(other), 7945, good},
		"another service":           {nasB.ID.String() + "._ssh._tcp.local.", 7945, good},
		"a mistyped ID":             {instanceOf(nasB), 7945, with("id", nasB.ID.String()[1:]+"0")},
		"the zero ID":               {instanceOf(Presence{}), 7945, with("id", certs.ID{}.String())},
		"no name":                   {instanceOf(nasB), 7945, with("name", "")},
		"a name that steers":        {instanceOf(nasB), 7945, with("name", "nas\x1b[2J")},
		"a name that is too long":   {instanceOf(nasB), 7945, with("name", strings.Repeat("a", 64))},
		"a mesh that is no hash":    {instanceOf(nasB), 7945, with("mesh", "../..")},
		"a mesh that is too long":   {instanceOf(nasB), 7945, with("mesh", strings.Repeat("A", 17))},
		"port 0":                    {instanceOf(nasB), 0, good},
		"a port too high":           {instanceOf(nasB), 1 << 16, good},
		"no address":                {instanceOf(nasB), 7945, nasB.fields(nil)},
		"an address that is none":   {instanceOf(nasB), 7945, with("addr", "nas-b")},
		"an address with a zone":    {instanceOf(nasB), 7945, with("addr", "fe80::1%eth0")},
		"the loopback address":      {instanceOf(nasB), 7945, with("addr", "127.0.0.1")},
		"a multicast address":       {instanceOf(nasB), 7945, with("addr", "224.0.0.251")},
		"a mapped address":          {instanceOf(nasB), 7945, with("addr", "::ffff:10.0.0.1")},
		"too many addresses":        {instanceOf(nasB), 7945, many},
		"too many fields of no key": {instanceOf(nasB), 7945, append(slices.Clone(good), make([]string, maxFields)...)},
	} {
		if got, ok := parse(c.instance, c.port, c.txt); ok {
			t.Errorf("%s: read as %+v", name, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(instanceOf(nasB), 7945, strings.Join(nasB.fields(lan), "\n"))
	f.Add(instanceOf(nasB), -1, "txtvers=1\nid\nname=\naddr=")
	f.Fuzz(func(t *testing.T, instance string, port int, txt string) {
		c, ok := parse(instance, port, strings.Split(txt, "\n"))
		if !ok {
			return
		}
		if !c.valid() || len(c.addrs) == 0 || len(c.addrs) > maxAddrs {
			t.Fatalf("read as %+v", c)
		}
		again, ok := parse(instance, c.Port, c.fields(c.addrs))
		if !ok || again.Presence != c.Presence || !slices.Equal(again.addrs, c.addrs) {
			t.Fatalf("%+v is announced as %+v", c, again)
		}
	})
}
