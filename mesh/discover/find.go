package discover

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"github.com/hashicorp/mdns"
	"golang.org/x/sync/errgroup"

	"btrmesh/certs"
)

// Bounds of a search. The library waits out a question whatever ctx says, so
// that a search is many short ones; asking again also makes up for what the
// network lost.
const (
	question   = 900 * time.Millisecond
	maxEntries = 256
)

// Found is an appliance that announces itself, with the address at which it
// probably can be reached from here.
type Found struct {
	Presence
	Addr netip.AddrPort
}

// Find asks the local network for appliances other than self until timeout is
// over or ctx is done, and returns those that answered, by name. They are
// claims of strangers, well-formed and bounded in number. The error says that
// nobody could be asked at all; with ctx done what was found so far is
// returned without one.
//
// The library joins the group of IPv4 by the default route: a machine without
// one finds others by IPv6 alone, if with link-local addresses.
func Find(ctx context.Context, self certs.ID, timeout time.Duration, log *slog.Logger) ([]Found, error) {
	list, err := places()
	if err != nil {
		return nil, fmt.Errorf("find: %w", err)
	}
	s := search{self: self, ours: list, found: map[Found]bool{}}
	asked := false
	for end := time.Now().Add(timeout); ctx.Err() == nil && time.Until(end) > 0; {
		round := min(question, time.Until(end))
		var entries []*mdns.ServiceEntry
		if entries, err = ask(ctx, list, round, log); err != nil {
			pause(ctx, round) // an address may be new and not usable yet
			continue
		}
		asked = true
		for _, e := range entries {
			s.add(e)
		}
	}
	if !asked && err != nil {
		return nil, fmt.Errorf("find: %w", err)
	}
	return s.all(), nil
}

// pause waits unless ctx is done.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// search is what was found so far.
type search struct {
	self  certs.ID
	ours  []place
	found map[Found]bool
}

// add takes an entry that is an appliance's and not our own.
func (s *search) add(e *mdns.ServiceEntry) {
	c, ok := parse(e.Name, e.Port, e.InfoFields)
	if !ok || c.ID == s.self || len(s.found) >= maxEntries {
		return
	}
	s.found[Found{c.Presence, netip.AddrPortFrom(nearest(c.addrs, s.ours), uint16(c.Port))}] = true
}

// all lists what was found, by name, then ID, then address.
func (s *search) all() []Found {
	list := make([]Found, 0, len(s.found))
	for f := range s.found {
		list = append(list, f)
	}
	slices.SortFunc(list, func(a, b Found) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), a.ID.Compare(b.ID), a.Addr.Compare(b.Addr))
	})
	return list
}

// ask puts one question on each interface in each IP version, since the library
// gives up all when it cannot send on one. It fails when all of them do.
func ask(ctx context.Context, list []place, wait time.Duration, log *slog.Logger) ([]*mdns.ServiceEntry, error) {
	answers := make([]chan *mdns.ServiceEntry, 2*len(list))
	failures := make([]error, len(answers))
	var g errgroup.Group
	for i := range answers {
		answers[i] = make(chan *mdns.ServiceEntry, maxEntries)
		g.Go(func() error {
			failures[i] = mdns.QueryContext(ctx, &mdns.QueryParam{
				Service: service, Domain: domain, Timeout: wait, Interface: &list[i/2].iface, Entries: answers[i],
				WantUnicastResponse: true, DisableIPv4: i%2 == 1, DisableIPv6: i%2 == 0,
				Logger: slog.NewLogLogger(bridge{log.Handler()}, slog.LevelDebug),
			})
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(failures, func(err error) bool { return err == nil }) {
		return nil, errors.Join(failures...)
	}
	return drain(answers), nil
}

// drain takes what the channels hold. Nobody sends any more: before the end of
// a question the library still writes to entries that it has sent.
func drain(answers []chan *mdns.ServiceEntry) []*mdns.ServiceEntry {
	var list []*mdns.ServiceEntry
	for _, c := range answers {
		for len(c) > 0 {
			list = append(list, <-c)
		}
	}
	return list
}
