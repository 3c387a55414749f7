package certs

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
)

func TestStrangerPairsWhileAnInviteIsOpen(t *testing.T) {
	joiner, inviter := stranger(t), stranger(t)
	var isOpen atomic.Bool
	server := inviter.Server(Policy{Member: members(), Pairing: isOpen.Load})
	client := joiner.PairClient(inviter.ID().Prefix())

	c, s := connect(t, client, server)
	wantRefused(t, s, c, "unsupported application protocols")
	isOpen.Store(true)
	c, s = connect(t, client, server)
	wantOpen(t, c, s, joiner, inviter, ALPNPair)
	isOpen.Store(false)
	c, s = connect(t, client, server)
	wantRefused(t, s, c, "unsupported application protocols")
}

func TestPairingAndMeshOfferedTogetherIsMesh(t *testing.T) {
	a, b := stranger(t), stranger(t)
	for _, offered := range [][]string{{ALPNPair, ALPNMesh}, {ALPNMesh, ALPNPair}, {ALPNPair, ALPNPair}} {
		client := a.Client(b.ID(), members(b))
		client.NextProtos = offered
		c, s := connect(t, client, b.Server(Policy{Pairing: open(true)}))
		wantRefused(t, s, c, "")
	}
	client := a.Client(b.ID(), members(b))
	client.NextProtos = []string{ALPNPair, ALPNMesh}
	c, s := connect(t, client, b.Server(Policy{Member: members(a), Pairing: open(true)}))
	wantOpen(t, c, s, a, b, ALPNMesh)
}

func TestJoinerRefusesAnotherThanTheInviter(t *testing.T) {
	joiner, inviter, other := stranger(t), stranger(t), stranger(t)
	invite, err := NewInvite(inviter.ID())
	if err != nil {
		t.Fatal(err)
	}
	c, s := connect(t, joiner.PairClient(invite.Inviter), other.Server(Policy{Pairing: open(true)}))
	wantRefused(t, c, s, "instead of")
	m, ok := errors.AsType[*MismatchError](c.err)
	if !ok || m.Shown != other.ID() || m.Want != inviter.ID().Short() {
		t.Errorf("joiner: %v", c.err)
	}
}

func TestPairingClientIsNotServedByMesh(t *testing.T) {
	a, b := stranger(t), stranger(t)
	client := a.PairClient(b.ID().Prefix())
	client.NextProtos = []string{ALPNMesh}
	c, _ := connect(t, client, b.Server(Policy{Member: members(a), Pairing: open(true)}))
	if c.err == nil || !strings.Contains(c.err.Error(), "protocol") {
		t.Errorf("joiner took a mesh connection: %v", c.err)
	}
}
