package mesh

import (
	"context"
	"fmt"
	"time"

	"btrmesh/certs"
	"btrmesh/state"
	"btrmesh/stream"
)

// Answer answers a member's question. It implements stream.Handler.
func (n *Node) Answer(ctx context.Context, peer certs.ID, q stream.Query) (stream.Answer, error) {
	if q.Kind == stream.QueryStatus {
		return n.answerSection(ctx, q.Body)
	}
	if q.Kind != stream.QueryInfo {
		return stream.Answer{}, &stream.Refusal{Code: stream.UnknownQuery, Text: fmt.Sprintf("query %d is not known", q.Kind)}
	}
	info, err := n.infoFor(ctx, peer)
	if err != nil {
		n.log.Error("question not answered", "peer", peer.Short(), "err", err)
		return stream.Answer{}, &stream.Refusal{Code: stream.Internal, Text: "state not readable"}
	}
	return info.Answer()
}

// infoFor describes this appliance to a member. Nothing secret is in it.
func (n *Node) infoFor(ctx context.Context, peer certs.ID) (stream.Info, error) {
	info := stream.Info{Name: n.name(), Version: n.cfg.Version, Protocol: stream.Protocol(), Time: time.Now().UTC()}
	err := n.store.View(func(tx *state.Tx) error {
		me, _, err := tx.Appliance()
		if err != nil {
			return err
		}
		info.ServiceOn = !me.ServiceOff
		for _, p := range n.pools.all() {
			described, err := n.poolFor(ctx, tx, p, peer)
			if err != nil {
				return err
			}
			info.Pools = append(info.Pools, described)
		}
		return nil
	})
	return info, err
}

func (n *Node) poolFor(ctx context.Context, tx *state.Tx, p *Pool, peer certs.ID) (stream.PoolInfo, error) {
	space, err := p.Space()
	if err != nil {
		return stream.PoolInfo{}, fmt.Errorf("space of pool %s: %w", p.Name, err)
	}
	info := stream.PoolInfo{Name: p.Name, UUID: p.UUID, Size: space.Total, Free: space.Free, Profile: space.Profile, ReadOnly: space.ReadOnly}
	grant, ok, err := tx.Grant(peer, p.UUID)
	if err != nil || !ok {
		return info, err
	}
	info.Grant = stream.GrantInfo{Granted: true, Quota: grant.QuotaBytes, Shares: grant.Shares}
	replicas, err := p.Replicas.Replicas(ctx)
	if err != nil {
		return info, fmt.Errorf("replicas of pool %s: %w", p.Name, err)
	}
	info.Grant.Used = usedBy(replicas, peer.String())
	return info, nil
}

// info asks a member how it is. It dials when there is no connection.
func (n *Node) info(ctx context.Context, peer certs.ID) (stream.Info, error) {
	answer, err := n.net.Query(ctx, peer, stream.Query{Kind: stream.QueryInfo})
	if err != nil {
		return stream.Info{}, err
	}
	return stream.ParseInfo(answer)
}
