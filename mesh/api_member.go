package mesh

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"

	"btrmesh/mesh/control"
	"btrmesh/state"
)

// renameAppliance gives this appliance another name.
func (a api) renameAppliance(_ context.Context, req control.RenameAppliance) (control.Renamed, error) {
	if err := checkName(req.Name); err != nil {
		return control.Renamed{}, err
	}
	change := control.Renamed{Old: a.name(), Name: req.Name, Unchanged: req.Name == a.name()}
	for _, m := range a.others() {
		if m.Name == req.Name {
			return change, control.NameTaken(req.Name)
		}
	}
	err := a.change(req.DryRun, func(tx *state.Tx) error {
		me, _, err := tx.Appliance()
		if err != nil {
			return err
		}
		me.Name = req.Name
		return tx.PutAppliance(me)
	})
	if err != nil {
		return change, err
	}
	if req.DryRun {
		change.Plan = &control.Plan{Would: "rename " + change.Old + " to " + req.Name}
		return change, nil
	}
	a.title.Store(&req.Name)
	a.log.Info("appliance renamed", "from", change.Old, "to", req.Name)
	return change, a.describe()
}

// changeAddress adds or removes an address where an appliance is tried.
func (a api) changeAddress(_ context.Context, req control.ChangeAddress) (control.AddressChange, error) {
	address, err := completeAddress(req.Address)
	if err != nil {
		return control.AddressChange{}, err
	}
	change := control.AddressChange{Address: address, Removed: req.Remove}
	var peer state.Peer
	err = a.change(req.DryRun, func(tx *state.Tx) error {
		var err error
		if peer, err = a.otherPeer(tx, req.Appliance); err != nil {
			return err
		}
		change.Appliance = peer.Name
		if change.Unchanged, err = editAddress(&peer, address, req.Remove); err != nil {
			return err
		}
		return tx.PutPeer(peer)
	})
	if err != nil {
		return change, err
	}
	if req.DryRun {
		change.Plan = &control.Plan{Would: addressWords(change)}
		return change, nil
	}
	change.Addresses = a.knownAddresses(peer.ID)
	a.net.Redial(peer.ID)
	if g := a.chat.Load(); g != nil {
		g.Wake()
	}
	return change, nil
}

func addressWords(c control.AddressChange) string {
	if c.Removed {
		return fmt.Sprintf("no longer try %s for %s", c.Address, c.Appliance)
	}
	return fmt.Sprintf("try %s for %s", c.Address, c.Appliance)
}

// editAddress changes what was set by hand, and says if nothing was to change.
func editAddress(p *state.Peer, address string, remove bool) (unchanged bool, err error) {
	has := slices.Contains(p.SetByHand, address)
	switch {
	case remove && !has:
		return false, control.AddressNotFound(p.Name, address, p.SetByHand)
	case remove:
		p.SetByHand = slices.DeleteFunc(slices.Clone(p.SetByHand), func(s string) bool { return s == address })
	case !has && len(p.SetByHand) >= mostAddresses:
		return false, control.Usage("%s has %d addresses already; remove one first.", p.Name, len(p.SetByHand))
	case !has:
		p.SetByHand = append(slices.Clone(p.SetByHand), address)
	}
	return has && !remove, nil
}

// completeAddress checks HOST or HOST:PORT and adds the default port.
func completeAddress(given string) (string, error) {
	full := withPort(given)
	host, port, err := net.SplitHostPort(full)
	if n, numErr := strconv.ParseUint(port, 10, 16); err != nil || host == "" || numErr != nil || n == 0 || len(full) > 255 {
		return "", control.BadAddress(given)
	}
	return full, nil
}

// ping asks an appliance once and measures the way.
func (a api) ping(ctx context.Context, req control.ApplianceRequest) (control.Ping, error) {
	p, err := a.peerMeant(req.Appliance)
	if err != nil {
		return control.Ping{}, err
	}
	if p.ID == a.me {
		return control.Ping{}, control.SelfTarget(a.name())
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	pong, err := a.net.Ping(ctx, p.ID)
	if err != nil {
		if ctx.Err() != nil {
			err = a.timedOut(p.ID)
		}
		return control.Ping{}, explainer{here: a.name(), there: p.Name}.explain(err)
	}
	return control.Ping{
		Appliance: p.Name, ID: p.ID.String(), Address: pong.Addr, Transport: transport(pong.TCP), RTTSeconds: pong.RTT.Seconds(),
	}, nil
}

// transport names what a connection goes over.
func transport(tcp bool) string {
	if tcp {
		return control.TCP
	}
	return control.UDP
}
