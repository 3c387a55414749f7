package discover

import (
	"net"
	"net/netip"
	"slices"
	"testing"
)

// at returns a place with prefixes.
func at(texts ...string) place {
	var p place
	for _, text := range texts {
		p.prefixes = append(p.prefixes, netip.MustParsePrefix(text))
	}
	return p
}

// addrsOf parses addresses.
func addrsOf(texts ...string) []netip.Addr {
	var list []netip.Addr
	for _, text := range texts {
		list = append(list, netip.MustParseAddr(text))
	}
	return list
}

func TestAddressOnOurNetworkIsTaken(t *testing.T) {
	ours := []place{at("192.168.1.10/24", "fd00::10/64"), at("10.0.0.10/8")}
	for want, claimed := range map[string][]netip.Addr{
		"192.168.1.11": addrsOf("172.17.0.1", "10.0.0.11", "192.168.1.11"),
		"10.1.2.3":     addrsOf("172.17.0.1", "10.1.2.3"),
		"fd00::11":     addrsOf("203.0.113.7", "fd00::11"),
		"203.0.113.7":  addrsOf("203.0.113.7", "198.51.100.1"),
	} {
		if got := nearest(claimed, ours); got != netip.MustParseAddr(want) {
			t.Errorf("of %v %s is taken, want %s", claimed, got, want)
		}
	}
}

func TestEachPlaceHasAnAddressBeforeAnyHasTwo(t *testing.T) {
	list := []place{at("10.0.0.1/8", "10.0.0.2/8", "10.0.0.3/8"), at("192.168.1.1/24"), at("fd00::1/64", "fd00::2/64")}
	want := addrsOf("10.0.0.1", "192.168.1.1", "fd00::1", "10.0.0.2", "fd00::2", "10.0.0.3")
	if got := addresses(list); !slices.Equal(got, want) {
		t.Errorf("addresses are %v, want %v", got, want)
	}
	var many []place
	for range 20 {
		many = append(many, at("10.0.0.1/8"))
	}
	if got := len(addresses(many)); got != maxAddrs {
		t.Errorf("%d addresses are announced, want %d", got, maxAddrs)
	}
}

func TestOnlyAddressesOthersCanUseAreAnnounced(t *testing.T) {
	var addrs []net.Addr
	for _, text := range []string{"127.0.0.1/8", "fe80::1/64", "192.168.1.1/24", "169.254.3.4/16", "fd00::1/64", "::1/128", "2001:db8::1/64"} {
		ip, network, err := net.ParseCIDR(text)
		if err != nil {
			t.Fatal(err)
		}
		addrs = append(addrs, &net.IPNet{IP: ip, Mask: network.Mask})
	}
	got := addresses([]place{{prefixes: prefixes(addrs)}})
	if want := addrsOf("192.168.1.1", "169.254.3.4", "fd00::1", "2001:db8::1"); !slices.Equal(got, want) {
		t.Errorf("addresses are %v, want %v", got, want)
	}
}
