package certs

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

// checkAddress says what is wrong with the address of an appliance: host:port,
// where host is an IP address without zone or a DNS name.
func checkAddress(address string) error {
	if len(address) > addressSize {
		return fmt.Errorf("address of %d bytes, the most is %d", len(address), addressSize)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("address %q: not host:port", address)
	}
	if !isHost(host) {
		return fmt.Errorf("address %q: neither an IP address nor a host name", address)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fmt.Errorf("address %q: port is not 1 to 65535", address)
	}
	return nil
}

func isHost(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Zone() == "" // a zone means something on one machine alone
	}
	for i := range len(host) {
		if !hostByte(host[i], i == 0) {
			return false
		}
	}
	return host != ""
}

func hostByte(c byte, first bool) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		return true
	case c == '.', c == '-', c == '_':
		return !first
	}
	return false
}
