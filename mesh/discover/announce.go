package discover

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/hashicorp/mdns"
)

// rescan is how often interfaces, addresses and the presence are looked at
// again.
const rescan = 30 * time.Second

// Announce answers on every interface of this machine whoever looks for
// appliances, until ctx is done. presence is asked at once and about every 30
// seconds, from this goroutine, so that a new name or mesh shows up. A network
// without multicast is tried again and again; it is a warning, as is a presence
// that is not valid.
func Announce(ctx context.Context, presence func() Presence, log *slog.Logger) {
	a := announcer{log: log, servers: map[string]*mdns.Server{}}
	defer a.stop()
	tick := time.NewTicker(rescan)
	defer tick.Stop()
	for {
		a.warn(a.refresh(presence()))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// announcer is the servers of Announce. One goroutine uses it.
type announcer struct {
	log     *slog.Logger
	shown   Presence
	addrs   []netip.Addr
	servers map[string]*mdns.Server // by interface
	warned  string                  // last problem, told once
}

// refresh makes the servers those of p on the interfaces there are now.
func (a *announcer) refresh(p Presence) error {
	if !p.valid() {
		a.stop()
		return fmt.Errorf("announce %s: this presence is not valid", p.ID.Short())
	}
	list, err := places()
	if addrs := addresses(list); p != a.shown || !slices.Equal(addrs, a.addrs) {
		a.stop()
		a.shown, a.addrs = p, addrs
	}
	if err != nil {
		return fmt.Errorf("announce: %w", err)
	}
	a.drop(list)
	return a.start(list)
}

// start makes the servers that are missing.
func (a *announcer) start(list []place) error {
	zone, err := newZone(a.shown, a.addrs)
	if err != nil {
		return fmt.Errorf("announce: %w", err)
	}
	var failed error
	for _, p := range list {
		if a.servers[p.iface.Name] != nil {
			continue
		}
		s, err := mdns.NewServer(&mdns.Config{Zone: zone, Iface: &p.iface, Logger: slog.NewLogLogger(bridge{a.log.Handler()}, slog.LevelDebug)})
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("announce on %s: %w", p.iface.Name, err))
			continue
		}
		a.servers[p.iface.Name] = s
	}
	return failed
}

// newZone returns the records of a presence. Its host name is made of the ID,
// so that it is nobody else's.
func newZone(p Presence, addrs []netip.Addr) (mdns.Zone, error) {
	ips := make([]net.IP, 0, len(addrs))
	for _, a := range addrs {
		ips = append(ips, a.AsSlice())
	}
	return mdns.NewMDNSService(p.ID.String(), service, domain, "btrmesh-"+p.ID.Short()+"."+domain, p.Port, ips, p.fields(addrs))
}

// drop ends the servers of interfaces that are no longer there.
func (a *announcer) drop(list []place) {
	for name := range a.servers {
		if !slices.ContainsFunc(list, func(p place) bool { return p.iface.Name == name }) {
			a.end(name)
		}
	}
}

// stop ends all servers.
func (a *announcer) stop() {
	for name := range a.servers {
		a.end(name)
	}
}

// end closes the server of an interface.
func (a *announcer) end(name string) {
	if err := a.servers[name].Shutdown(); err != nil {
		a.log.Warn("announcement not ended", "interface", name, "err", err)
	}
	delete(a.servers, name)
}

// warn logs a problem when it is not the one before.
func (a *announcer) warn(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != "" && text != a.warned {
		a.log.Warn("not announced on the local network", "err", err)
	}
	a.warned = text
}
