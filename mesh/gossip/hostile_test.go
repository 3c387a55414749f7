package gossip

import (
	"bytes"
	"context"
	"encoding/binary"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/memberlist"

	"btrmesh/certs"
)

var somewhere = netip.MustParseAddrPort("203.0.113.9:7945")

// say encodes a message of memberlist about a member, as MessagePack.
func say(kind message, fields ...any) []byte {
	b := []byte{byte(kind), 0x80 | byte(len(fields)/2)}
	for _, f := range fields {
		switch f := f.(type) {
		case string:
			b = append(append(b, 0xd9, byte(len(f))), f...)
		case []byte:
			b = append(binary.BigEndian.AppendUint16(append(b, 0xda), uint16(len(f))), f...)
		case int:
			b = binary.BigEndian.AppendUint32(append(b, 0xce), uint32(f))
		}
	}
	return b
}

func alive(name string, incarnation int, host, meta []byte) []byte {
	return say(msgAlive, "Incarnation", incarnation, "Node", name, "Addr", host, "Port", anywherePort,
		"Meta", meta, "Vsn", []byte{1, 5, 2, delegateVersion, delegateVersion, delegateVersion})
}

// inject gives node 0 a packet of member from, as its network would.
func (s *sim) inject(from certs.ID, b []byte) {
	p := prefix{1, 2, 3}
	s.node(0).g.Packet(from, somewhere, p.put(b))
	synctest.Wait()
}

// forged returns a mesh of three of four members; the fourth never runs.
func forged(t *testing.T) *sim {
	t.Helper()
	s := newSim(t, 4)
	t.Cleanup(s.stopAll)
	for i := range 3 {
		s.start(i)
	}
	s.until(time.Minute, s.converged)
	return s
}

func TestForgedLivesAreNotBelieved(t *testing.T) {
	stranger, quiet := testID(99), testID(3)
	host := []byte(anywhereIP())
	for name, b := range map[string][]byte{
		"of no member":            alive(stranger.String(), 7, host, nil),
		"of a name that is no ID": alive("../../etc/passwd\n", 7, host, nil),
		"of a lower-case ID":      alive(string(bytes.ToLower([]byte(quiet.String()))), 7, host, nil),
		"with an own address":     alive(quiet.String(), 7, []byte{10, 0, 0, 1}, nil),
		"with too large meta":     alive(quiet.String(), 7, host, make([]byte, 513)),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				t.Helper()
				s := forged(t)
				s.inject(s.ids[1], b)
				time.Sleep(time.Second)
				for _, n := range s.all() {
					for _, id := range []certs.ID{stranger, quiet} {
						if l := n.g.Liveness(id); l.Answers() {
							t.Errorf("%s is %s", id.Short(), l.State)
						}
					}
				}
				s.wantNobodyDied()
			})
		})
	}
}

func TestAliveOfASilentMemberIsBelievedUntilItIsProbed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		t.Helper()
		s := forged(t)
		s.inject(s.ids[1], alive(s.ids[3].String(), 7, anywhereIP(), nil))
		if l := s.node(0).g.Liveness(s.ids[3]); l.State != Alive {
			t.Errorf("a well-formed alive gives %s: the other forgeries prove nothing", l.State)
		}
		s.until(2*deadline, s.converged)
	})
}

func TestForgedDeathIsRefuted(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		t.Helper()
		s := forged(t)
		s.inject(s.ids[1], say(msgDead, "Incarnation", 1, "Node", s.ids[2].String(), "From", s.ids[1].String()))
		if l := s.node(0).g.Liveness(s.ids[2]); l.State != Dead {
			t.Errorf("a well-formed dead gives %s", l.State)
		}
		s.until(5*time.Second, s.converged)
	})
}

func TestPacketsOfStrangersAreNotParsed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		t.Helper()
		s := forged(t)
		s.inject(testID(99), alive(s.ids[3].String(), 7, anywhereIP(), nil))
		s.node(0).g.Packet(s.ids[1], somewhere, alive(s.ids[3].String(), 7, anywhereIP(), nil)) // of another mesh
		synctest.Wait()
		if l := s.node(0).g.Liveness(s.ids[3]); l.State != Unknown {
			t.Errorf("liveness %s", l.State)
		}
		if n := s.node(0).g.Stats().PacketsRefused; n != 2 {
			t.Errorf("%d packets refused", n)
		}
	})
}

func TestGarbageHurtsNobody(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		t.Helper()
		s := forged(t)
		for i := range 2000 {
			b := make([]byte, i%300)
			for j := range b {
				b[j] = byte(s.float() * 256)
			}
			if i%2 == 0 && len(b) > 0 {
				b[0] = byte(i % 14)
			}
			s.inject(s.ids[1], b)
		}
		time.Sleep(time.Minute)
		s.until(time.Second, s.converged)
		s.wantNobodyDied()
	})
}

func TestFloodOfRecordsIsDroppedAndHealed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		t.Helper()
		s := forged(t)
		n := s.node(0)
		n.records.block(time.Second)
		for i := range 1000 {
			batch := cutBatches(s.ids[1], [][]byte{{1, byte(i), byte(i >> 8)}})[0]
			s.inject(s.ids[1], append([]byte{byte(msgUser)}, batch...))
		}
		if dropped := n.g.Stats().BatchesDropped; dropped < 1000-inboxBatches-1 {
			t.Errorf("%d batches dropped", dropped)
		}
		s.spread(2, "in spite of all", time.Minute)
		s.wantNobodyDied()
	})
}

func TestBatchesOfNoMemberAreRefused(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		t.Helper()
		s := forged(t)
		for _, sender := range []certs.ID{testID(99), s.ids[0]} { // a stranger; the receiver itself
			s.inject(s.ids[1], append([]byte{byte(msgUser)}, cutBatches(sender, [][]byte{[]byte("x")})[0]...))
		}
		s.inject(s.ids[1], []byte{byte(msgUser), batchVersion + 1})
		if n := s.node(0).g.Stats().BatchesRefused; n != 3 || s.node(0).records.has("x") {
			t.Errorf("%d refused", n)
		}
	})
}

func TestForgottenMemberIsOutAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		t.Helper()
		s := newConverged(t, 4)
		s.remove(3)
		told := len(s.node(0).heardOf(s.ids[3]))
		for range 60 {
			for _, n := range s.all()[:3] {
				if l := n.g.Liveness(s.ids[3]); l != (Liveness{}) {
					t.Fatalf("liveness %v", l)
				}
			}
			time.Sleep(time.Second)
		}
		if got := len(s.node(0).heardOf(s.ids[3])); got != told {
			t.Error("told of one that was forgotten")
		}
		s.readmit(3)
		took := s.until(time.Minute, s.converged)
		t.Logf("a member again after %s", took)
	})
}

func TestTransportNeverFailsToSend(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		t.Helper()
		s := forged(t)
		line := s.node(0).g.line
		for _, name := range []string{"", "nobody", testID(99).String(), s.ids[3].String()} {
			if _, err := line.WriteToAddress([]byte{0}, memberlist.Address{Name: name}); err != nil {
				t.Errorf("to %q: %v", name, err)
			}
		}
		begin := time.Now()
		for _, name := range []string{"", testID(99).String()} {
			if _, err := line.DialAddressTimeout(memberlist.Address{Name: name}, time.Hour); err == nil || time.Since(begin) > 0 {
				t.Errorf("dialled %q in %s: %v", name, time.Since(begin), err)
			}
		}
	})
}

func TestStreamsAtOnceAreBounded(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		t.Helper()
		s := forged(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for range maxStreams + 5 {
			if _, err := s.node(1).OpenGossip(ctx, s.ids[0]); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if n := s.node(0).g.Stats().StreamsRefused; n != 5 {
			t.Errorf("%d refused", n)
		}
		time.Sleep(DefaultTiming().Dial)
		s.wantNobodyDied()
	})
}
