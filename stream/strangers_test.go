package stream

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// knock is some handshakes from one address at one time.
type knock struct {
	from     string
	member   bool
	at       time.Duration
	times    int
	unproven int // let in without a proof of the address
	begun    int // let in with one
}

func TestStrangersAreMetByRate(t *testing.T) {
	for name, knocks := range map[string][]knock{
		"one address": {
			{from: "192.0.2.1", times: 100, unproven: 5, begun: 16},
		},
		"a network is one": {
			{from: "192.0.2.1", times: 3, unproven: 3, begun: 3},
			{from: "192.0.2.200", times: 100, unproven: 2, begun: 13},
			{from: "192.0.3.1", times: 100, unproven: 5, begun: 16},
		},
		"a mapped address is the same": {
			{from: "192.0.2.1", times: 100, unproven: 5, begun: 16},
			{from: "::ffff:192.0.2.9", times: 100},
		},
		"so is one with a zone": {
			{from: "fe80::1%eth0", times: 100, unproven: 5, begun: 16},
			{from: "fe80::2%eth1", times: 100},
		},
		"a /64 is one": {
			{from: "2001:db8::1", times: 100, unproven: 5, begun: 16},
			{from: "2001:db8::ffff:1", times: 100},
			{from: "2001:db8:0:1::1", times: 100, unproven: 5, begun: 16},
		},
		"a second later": {
			{from: "192.0.2.1", times: 100, unproven: 5, begun: 16},
			{from: "192.0.2.1", at: time.Second, times: 100, unproven: 5, begun: 16},
			{from: "192.0.2.1", at: time.Second + 200*time.Millisecond, times: 100, unproven: 1, begun: 3},
		},
		"all together": {
			{from: "192.0.2.1", times: 100, unproven: 5, begun: 16},
			{from: "192.0.3.1", times: 100, unproven: 5, begun: 16},
			{from: "192.0.4.1", times: 100, unproven: 5, begun: 16},
			{from: "192.0.5.1", times: 100, unproven: 5, begun: 16},
			{from: "192.0.6.1", times: 100},
		},
		"a member's address has its own": {
			{from: "192.0.2.1", times: 100, unproven: 5, begun: 16},
			{from: "192.0.2.2", member: true, times: 100, unproven: 20, begun: 64},
			{from: "192.0.3.1", times: 100, unproven: 5, begun: 16},
			{from: "2001:db8::1", times: 100, unproven: 5, begun: 16},
			{from: "2001:db8::2", member: true, times: 100, unproven: 20, begun: 64},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, start := newStrangers(), time.Unix(1e9, 0)
			for _, k := range knocks {
				from, unproven, begun := netip.MustParseAddr(k.from), 0, 0
				for range k.times {
					if !s.validates(from, k.member, start.Add(k.at)) {
						unproven++
					}
					if !s.refuses(from, k.member, start.Add(k.at)) {
						begun++
					}
				}
				if unproven != k.unproven || begun != k.begun {
					t.Errorf("%s after %v: %d unproven, %d begun, want %d, %d", k.from, k.at, unproven, begun, k.unproven, k.begun)
				}
			}
		})
	}
}

func TestTableOfNetworksIsBounded(t *testing.T) {
	s, now := newStrangers(), time.Unix(1e9, 0)
	busy := netip.MustParseAddr("192.0.2.1")
	for i := range 3 * maxNetworks {
		from := netip.MustParseAddr(fmt.Sprintf("10.%d.%d.1", i>>8, i&255))
		s.validates(from, false, now)
		if let := !s.validates(busy, false, now); let && i > validateAbove {
			t.Fatalf("after %d networks the busy one was forgotten", i)
		}
	}
	if len(s.networks) != maxNetworks || s.recent.Len() != maxNetworks {
		t.Errorf("%d networks, %d in order", len(s.networks), s.recent.Len())
	}
	s.validates(netip.Addr{}, false, now) // an address of no kind
}
