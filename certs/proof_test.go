package certs

import (
	"bytes"
	"crypto/tls"
	"encoding/hex"
	"testing"

	"pgregory.net/rapid"
)

func TestProofsAreThoseOfTheDescription(t *testing.T) {
	exporter := make([]byte, exporterSize)
	for n := range exporter {
		exporter[n] = byte(n)
	}
	joiner, inviter := ID(bytes.Repeat([]byte{0xaa}, 32)), ID(bytes.Repeat([]byte{0xbb}, 32))
	key := ProofKey(unhex(t, goldenKey))
	j, i := key.Joiner(exporter, joiner, inviter), key.Inviter(exporter, inviter, joiner)
	if got, want := hex.EncodeToString(j[:]), "d93837c72be1e62788ee728372e08bff2c34b04ca869c05d4593388b22ae5d71"; got != want {
		t.Errorf("Joiner = %s, want %s", got, want)
	}
	if got, want := hex.EncodeToString(i[:]), "93e069389027795b16339ee9c730e50359b83be2fef0c06a5a5796525fbb91fe"; got != want {
		t.Errorf("Inviter = %s, want %s", got, want)
	}
}

func TestProofHoldsForOneKeyRoleConnectionAndPair(t *testing.T) {
	bytes32 := rapid.SliceOfN(rapid.Byte(), 32, 32)
	rapid.Check(t, func(t *rapid.T) {
		key := ProofKey(bytes32.Draw(t, "key"))
		exporter := bytes32.Draw(t, "exporter")
		j, i := genID().Draw(t, "joiner"), genID().Draw(t, "inviter")
		flip := rapid.IntRange(0, 31).Draw(t, "flip")
		proof := key.Joiner(exporter, j, i)

		otherKey, otherJoiner, otherInviter, otherExporter := key, j, i, bytes.Clone(exporter)
		otherKey[flip] ^= 1
		otherJoiner[flip] ^= 1
		otherInviter[flip] ^= 1
		otherExporter[flip] ^= 1
		for n, other := range [][32]byte{
			otherKey.Joiner(exporter, j, i), key.Joiner(otherExporter, j, i), key.Joiner(exporter, otherJoiner, i),
			key.Joiner(exporter, j, otherInviter), key.Inviter(exporter, j, i), key.Inviter(exporter, i, j),
		} {
			if Equal(proof, other) {
				t.Fatalf("proof is good for something else (%d)", n)
			}
		}
		if !Equal(proof, key.Joiner(exporter, j, i)) {
			t.Fatal("the same proof is not equal")
		}
	})
}

func export(t *testing.T, cs tls.ConnectionState, inviteID [5]byte) []byte {
	t.Helper()
	b, err := ExportPairing(cs, inviteID)
	if err != nil || len(b) != exporterSize {
		t.Fatalf("ExportPairing = %d bytes, %v", len(b), err)
	}
	return b
}

func TestBothEndsExportTheSameAndNoOtherConnectionDoes(t *testing.T) {
	joiner, inviter := stranger(t), stranger(t)
	client, server := joiner.PairClient(inviter.ID().Prefix()), inviter.Server(Policy{Pairing: open(true)})
	c, s := connect(t, client, server)
	wantOpen(t, c, s, joiner, inviter, ALPNPair)
	again, _ := connect(t, client, server)

	near := export(t, c.state, [5]byte{1})
	if !bytes.Equal(near, export(t, s.state, [5]byte{1})) {
		t.Error("the ends of one connection differ")
	}
	if bytes.Equal(near, export(t, again.state, [5]byte{1})) {
		t.Error("two connections export the same")
	}
	if bytes.Equal(near, export(t, c.state, [5]byte{2})) {
		t.Error("two invites share one export")
	}
}

// The one in the middle has the code's public half, both ends' trust in
// nothing else, and passes every proof on.
func TestProofPassedOnByAMiddlemanIsWorthless(t *testing.T) {
	joiner, middle, inviter := stranger(t), stranger(t), stranger(t)
	invite, err := NewInvite(inviter.ID())
	if err != nil {
		t.Fatal(err)
	}
	// A joiner that skipped the check of the inviter's key:
	near, _ := connect(t, joiner.PairClient(middle.ID().Prefix()), middle.Server(Policy{Pairing: open(true)}))
	_, far := connect(t, middle.PairClient(invite.Inviter), inviter.Server(Policy{Pairing: open(true)}))

	sent := invite.Key().Joiner(export(t, near.state, invite.ID), joiner.ID(), inviter.ID())
	for _, seen := range []ID{joiner.ID(), middle.ID()} {
		if Equal(sent, invite.Key().Joiner(export(t, far.state, invite.ID), seen, inviter.ID())) {
			t.Errorf("the inviter believes the middleman is %s", seen)
		}
	}
}
