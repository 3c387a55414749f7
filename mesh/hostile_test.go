package mesh

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"btrmesh/btrfs"
	"btrmesh/certs"
	"btrmesh/mesh/control"
	"btrmesh/state"
	"btrmesh/stream"
)

// traitor is a member's network with a mind of its own: it gives whatever records
// and answers it likes.
type traitor struct {
	*stream.Endpoint
	records [][]byte
}

func (t *traitor) Digest() [32]byte { return [32]byte{0xee} }

func (t *traitor) Hashes() [][32]byte {
	hashes := make([][32]byte, len(t.records))
	for i := range hashes {
		_, _ = rand.Read(hashes[i][:]) // never fails
	}
	return hashes
}

func (t *traitor) Records([][32]byte) [][]byte { return t.records }

func (t *traitor) Merge(context.Context, certs.ID, [][]byte) error { return nil }

func (t *traitor) Answer(context.Context, certs.ID, stream.Query) (stream.Answer, error) {
	return stream.Answer{Body: []byte(`{"items":[{"pool":"x"}],"more":true}`)}, nil
}

func (t *traitor) Receive(context.Context, *stream.Inbound) {}

func (t *traitor) Redeem(context.Context, stream.JoinRequest) (stream.JoinAnswer, error) {
	return stream.JoinAnswer{}, errors.New("no")
}

func (t *traitor) Confirm(context.Context, certs.ID, []byte) error { return nil }

func (t *traitor) Packet(certs.ID, netip.AddrPort, []byte) {}

func (t *traitor) Gossip(_ context.Context, _ certs.ID, conn net.Conn) {
	_, _ = io.Copy(conn, rubbish{}) // until the other end has had enough
}

// rubbish never ends.
type rubbish struct{}

func (rubbish) Read(p []byte) (int, error) { return rand.Read(p) }

// betray stops a member and puts a traitor with its key and address in its place.
func (m *member) betray() *traitor {
	m.t.Helper()
	known := m.members.now.Load().fold
	m.halt()
	m.fleet.silence(m, false)
	t := &traitor{}
	var err error
	t.Endpoint, err = stream.Listen(stream.Config{
		Identity: m.identity, Conn: m.conn, Name: func() string { return m.name }, Version: "test", Handler: t, Records: t,
		Member: known.Has, Pairing: func() bool { return false }, Log: slog.New(slog.DiscardHandler),
		Addresses: func(id certs.ID) []string {
			for _, other := range m.fleet.nodes {
				if other.identity.ID() == id {
					return []string{other.address()}
				}
			}
			return nil
		},
	})
	if err != nil {
		m.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- t.Run(ctx) }()
	m.stop, m.ended = stop, ended
	return t
}

// forged are records that no sound appliance sends: noise, and true ones that
// were changed.
func forged(sound [][]byte) [][]byte {
	var list [][]byte
	for i := range 3000 {
		raw := make([]byte, 1024)
		_, _ = rand.Read(raw) // never fails
		if i%2 == 0 {
			raw = append([]byte(nil), sound[i%len(sound)]...)
			raw[i%len(raw)] ^= 0x10
		}
		list = append(list, raw)
	}
	return list
}

func TestAHostileMemberWritesNothingAndIsNamed(t *testing.T) {
	alone(t, 3, func(f *fleet) {
		a, b, evil := f.nodes[0], f.nodes[1], f.nodes[2]
		meet(a, b)
		meet(a, evil)
		time.Sleep(10 * time.Second)
		digest, records := a.members.Digest(), a.members.Records(a.members.Hashes())
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		e := evil.betray()
		e.records = forged(records)
		ctx, cancel := context.WithTimeout(a.ctx(), 30*time.Second)
		defer cancel()
		_ = e.SyncRecords(ctx, a.identity.ID()) // refused or not: see below
		for range 2000 {
			noise := make([]byte, 1200)
			_, _ = rand.Read(noise) // never fails
			e.SendPacket(a.identity.ID(), noise)
			time.Sleep(time.Millisecond)
		}
		_, _, err := e.Offer(ctx, a.identity.ID(), stream.Offer{
			Task: "t", Run: 1, Share: "photos", Pool: "tank", Snapshot: btrfs.UUID{1}, ShareUUID: btrfs.UUID{2}, Taken: time.Now(),
		})
		if !refused(err, stream.NotGranted) {
			t.Errorf("an offer without a grant ends with %v", err)
		}
		_, err = e.Query(ctx, a.identity.ID(), stream.Query{Kind: stream.QueryStatus, Body: []byte(`{"section":"secrets","from":-1}`)})
		if !refused(err, stream.UnknownQuery) {
			t.Errorf("a question about secrets ends with %v", err)
		}
		a.endures(b, digest)
		runtime.GC()
		runtime.ReadMemStats(&after)
		if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 24<<20 {
			t.Errorf("%d MiB more memory", grown>>20)
		}
		if !strings.Contains(a.log.String(), "membership records refused") || !strings.Contains(a.log.String(), evil.identity.ID().Short()) {
			t.Error("the log does not name it")
		}
		f.agree()
	})
}

// endures checks that m is what it was: same members, b there, nothing received.
func (m *member) endures(b *member, digest [32]byte) {
	m.t.Helper()
	if m.members.Digest() != digest {
		m.t.Error("the records changed")
	}
	if !m.peers.get(b.identity.ID()).online {
		m.t.Errorf("%s is taken for offline", b.name)
	}
	m.view(func(tx *state.Tx) error {
		replicas, err := tx.Replicas()
		if len(replicas) != 0 {
			m.t.Errorf("replicas: %+v", replicas)
		}
		return err
	})
	pools, err := m.api.pools(m.ctx(), control.PoolsRequest{All: true})
	if err != nil || len(pools) > 2+mostPages { // an endless list is cut
		m.t.Errorf("%d pools listed, %v", len(pools), err)
	}
}
