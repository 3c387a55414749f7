package discover

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// maxPlaces bounds the interfaces that take part.
const maxPlaces = 16

// place is an interface with the prefixes it has addresses in.
type place struct {
	iface    net.Interface
	prefixes []netip.Prefix
}

// errNoPlace says that no interface can be used.
var errNoPlace = errors.New("no network interface is up that has an address and multicast")

// places lists the interfaces where appliances may be found.
func places() ([]place, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	var list []place
	for _, iface := range all {
		if iface.Flags&(net.FlagUp|net.FlagMulticast|net.FlagLoopback) != net.FlagUp|net.FlagMulticast {
			continue
		}
		addrs, err := iface.Addrs()
		if err != nil {
			continue // it has gone since
		}
		if p := (place{iface, prefixes(addrs)}); len(p.prefixes) > 0 && len(list) < maxPlaces {
			list = append(list, p)
		}
	}
	if len(list) == 0 {
		return nil, errNoPlace
	}
	return list, nil
}

// prefixes returns the usable ones of an interface's addresses.
func prefixes(addrs []net.Addr) []netip.Prefix {
	var list []netip.Prefix
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil && usable(p.Addr()) {
			list = append(list, p)
		}
	}
	return list
}

// addresses returns those of all places, as many as may be announced, in turns
// so that each place has one before any has two.
func addresses(list []place) []netip.Addr {
	var addrs []netip.Addr
	for turn, more := 0, true; more; turn++ {
		more = false
		for _, p := range list {
			if turn < len(p.prefixes) && len(addrs) < maxAddrs {
				addrs, more = append(addrs, p.prefixes[turn].Addr()), true
			}
		}
	}
	return addrs
}

// nearest returns the address that shares a network with one of ours, or else
// the first. addrs must not be empty.
func nearest(addrs []netip.Addr, ours []place) netip.Addr {
	for _, p := range ours {
		for _, prefix := range p.prefixes {
			for _, a := range addrs {
				if prefix.Contains(a) {
					return a
				}
			}
		}
	}
	return addrs[0]
}
