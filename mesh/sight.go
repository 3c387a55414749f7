package mesh

import (
	"slices"
	"time"

	"btrmesh/stream"
)

// sights are the instances of one peer that have a connection to this appliance.
// More than one that is alive are machines with one key. Never changed, only
// replaced.
type sights map[[16]byte]sight

// sight is one instance of a peer: what came from it on all its connections.
type sight struct {
	since    time.Time // the first of them
	received uint64    // bytes, when they last grew
	grown    time.Time // when that was
	addr     string
}

// look returns what is seen of a peer now.
func (s sights) look(links []stream.Link, now time.Time) sights {
	next := sights{}
	for _, l := range links {
		one, seen := next[l.Instance]
		if !seen || l.Since.Before(one.since) {
			one.since = l.Since
		}
		one.received += l.Received
		one.addr = l.Addr
		next[l.Instance] = one
	}
	for instance, one := range next {
		one.grown = s[instance].grown
		if one.received > s[instance].received {
			one.grown = now
		}
		next[instance] = one
	}
	return next
}

// twins lists the addresses of a peer if several of its instances are alive: if
// the older one still spoke after the newer one had connected. One that was killed
// and started again leaves a connection behind, over which nothing comes.
func (s sights) twins(now time.Time) []string {
	var newest time.Time
	for _, one := range s {
		if one.since.After(newest) {
			newest = one.since
		}
	}
	var addresses []string
	for _, one := range s {
		if one.grown.Sub(newest) > 2*lookInterval && now.Sub(one.grown) < time.Minute {
			addresses = append(addresses, one.addr)
		}
	}
	if len(addresses) < 2 {
		return nil
	}
	slices.Sort(addresses)
	return addresses
}
