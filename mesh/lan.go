package mesh

import (
	"context"
	"time"

	"btrmesh/mesh/control"
	"btrmesh/mesh/discover"
)

// announce tells the local network that this appliance is there, if it may.
func (n *Node) announce(ctx context.Context) error {
	if n.cfg.Discover {
		discover.Announce(ctx, n.presence, n.log)
	}
	return nil
}

// presence is what is told to anybody on the local network.
func (n *Node) presence() discover.Presence {
	p := discover.Presence{ID: n.me, Name: n.name(), Port: int(n.port)}
	if mesh := n.members.mesh(); !mesh.IsZero() {
		p.Mesh = mesh.Short()
	}
	return p
}

// The time to listen for announcements, in seconds.
const (
	usualListening = 3
	mostListening  = 30
)

// discover lists the appliances that announce themselves on the local network.
func (a api) discover(ctx context.Context, req control.DiscoverRequest) ([]control.Discovered, error) {
	if req.TimeoutSeconds < 0 || req.TimeoutSeconds > mostListening {
		return nil, control.Usage("--timeout is at most %ds.", mostListening)
	}
	if req.TimeoutSeconds == 0 {
		req.TimeoutSeconds = usualListening
	}
	found, err := discover.Find(ctx, a.me, time.Duration(req.TimeoutSeconds)*time.Second, a.log)
	if err != nil {
		return nil, control.DiscoverFailed(err.Error())
	}
	list := []control.Discovered{}
	for _, f := range found {
		list = append(list, control.Discovered{Name: f.Name, ID: f.ID.String(), Address: withoutPort(f.Addr.String()), Mesh: a.whichMesh(f.Mesh)})
	}
	return list, nil
}

func (n *Node) whichMesh(short string) string {
	own := n.members.mesh()
	switch {
	case short == "":
		return control.NoMesh
	case !own.IsZero() && short == own.Short():
		return control.ThisMesh
	}
	return control.AnotherMesh
}
