package stream

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"btrmesh/certs"
)

func query(t *testing.T, from, to *node) error {
	t.Helper()
	_, err := from.Query(t.Context(), to.id, Query{Kind: QueryInfo})
	return err
}

func TestRecordsAreExchangedBeforeTheFirstQuestion(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		a.records.fill(1, 700, 300)
		b.records.fill(2, 3000, 200)
		a.records.fill(3, 50, 1024)
		b.records.fill(3, 50, 1024)
		b.answer = func(context.Context, certs.ID, Query) (Answer, error) {
			if len(b.records.Hashes()) != 3750 || a.records.Digest() != b.records.Digest() {
				t.Errorf("asked with %d and %d records", len(a.records.Hashes()), len(b.records.Hashes()))
			}
			return Answer{}, nil
		}
		if err := query(t, a, b); err != nil {
			t.Fatal(err)
		}
		if a.records.merges != 1 || b.records.merges != 1 {
			t.Errorf("%d and %d batches", a.records.merges, b.records.merges)
		}
	})
}

func TestEqualDigestsCostNoExchange(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		a.records.fill(1, 10, 300)
		b.records.fill(1, 10, 300)
		start := time.Now()
		if err := query(t, a, b); err != nil {
			t.Fatal(err)
		}
		if a.records.merges+b.records.merges != 0 || time.Since(start) > 8*latency {
			t.Errorf("%d batches in %v", a.records.merges+b.records.merges, time.Since(start))
		}
	})
}

func TestPeerRemovedByTheExchangedRecordsIsNotAnswered(t *testing.T) {
	for name, asker := range map[string]int{"it asks": 1, "it is asked": 0} {
		t.Run(name, func(t *testing.T) {
			onNet(t, 2, latency, func(t *testing.T, f *fabric) {
				t.Helper()
				a, gone := f.nodes[0], f.nodes[1]
				gone.c.Member = func(certs.ID) bool { return true }
				gone.records.fill(1, 1, 100) // which tells a of its removal
				a.records.merge = func(context.Context, [][]byte) error {
					f.set(func() {
						delete(f.members, gone.id)
						f.removed[gone.id] = "lost"
					})
					return nil
				}
				for _, n := range f.nodes {
					n.answer = func(context.Context, certs.ID, Query) (Answer, error) {
						t.Error("asked")
						return Answer{}, nil
					}
				}
				err := query(t, f.nodes[asker], f.nodes[1-asker])
				if err == nil {
					t.Error("answered")
				}
				if removed, ok := errors.AsType[*RemovedError](err); asker == 1 && (!ok || removed.Why != "lost") {
					t.Errorf("got %v", err)
				}
				synctest.Wait()
				if len(a.conns.of(gone.id)) != 0 {
					t.Error("still connected")
				}
			})
		})
	}
}

func TestQuestionsWaitForTheRecordsOfEitherSide(t *testing.T) {
	for name, dialler := range map[string]int{"asked by the dialler": 0, "asked by the other": 1} {
		t.Run(name, func(t *testing.T) {
			onNet(t, 2, latency, func(t *testing.T, f *fabric) {
				t.Helper()
				a, b := f.nodes[0], f.nodes[1]
				b.records.fill(1, 1, 100)
				release := make(chan struct{})
				a.records.merge = func(ctx context.Context, _ [][]byte) error {
					select {
					case <-release:
					case <-ctx.Done():
					}
					return ctx.Err()
				}
				f.nodes[dialler].SendPacket(f.nodes[1-dialler].id, nil) // connects
				time.Sleep(time.Second)
				for _, pair := range [][2]*node{{a, b}, {b, a}} {
					start := time.Now()
					err := query(t, pair[0], pair[1])
					if took := time.Since(start); !errors.Is(err, &Refusal{Code: Busy}) || took < settleTime || took > settleTime+time.Second {
						t.Errorf("%v after %v", err, took)
					}
				}
				if _, _, err := a.Offer(t.Context(), b.id, testOffer()); !errors.Is(err, &Refusal{Code: Busy}) {
					t.Errorf("offer: %v", err)
				}
				close(release)
				time.Sleep(time.Second)
				if err := errors.Join(query(t, a, b), query(t, b, a)); err != nil {
					t.Error(err)
				}
				if n := len(a.conns.of(b.id)); n != 1 {
					t.Errorf("%d connections", n)
				}
			})
		})
	}
}

func TestFailedExchangeIsTriedAgain(t *testing.T) {
	for name, failing := range map[string]int{"at the dialler": 0, "at the other": 1} {
		t.Run(name, func(t *testing.T) {
			onNet(t, 2, latency, func(t *testing.T, f *fabric) {
				t.Helper()
				a, b := f.nodes[0], f.nodes[1]
				a.records.fill(1, 1, 100)
				b.records.fill(2, 1, 100)
				left := 2
				f.nodes[failing].records.merge = func(context.Context, [][]byte) error {
					if left--; left >= 0 {
						return errors.New("disk on fire")
					}
					return nil
				}
				if err := query(t, a, b); err != nil {
					t.Error(err)
				}
				if left != -1 || a.records.Digest() != b.records.Digest() {
					t.Errorf("%d left", left)
				}
			})
		})
	}
}

func TestSyncRecordsBringsWhatIsNewAtAnyTime(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		for seed, pair := range [][2]*node{{a, b}, {b, a}} {
			a.records.fill(10+seed, 20, 500)
			b.records.fill(20+seed, 20, 500)
			if err := pair[0].SyncRecords(t.Context(), pair[1].id); err != nil {
				t.Fatal(err)
			}
			if a.records.Digest() != b.records.Digest() {
				t.Errorf("%d and %d records", len(a.records.Hashes()), len(b.records.Hashes()))
			}
		}
		b.records.fill(30, 1, 100)
		a.records.merge = func(context.Context, [][]byte) error { return errors.New("disk on fire") }
		if err := b.SyncRecords(t.Context(), a.id); !errors.Is(err, &Refusal{Code: Internal}) {
			t.Errorf("got %v", err)
		}
		b.records.fill(31, 1, 100)
		if err := a.SyncRecords(t.Context(), b.id); err == nil {
			t.Error("not stored, and no error")
		}
	})
}

func TestMoreRecordsThanOneExchangeCarriesComeWithTheNext(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		a.records.fill(1, 5000, 1024)
		for _, want := range []int{4096, 5000} {
			if err := a.SyncRecords(t.Context(), b.id); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if got := len(b.records.Hashes()); got != want && got != 5000 { // the connection's own exchange is one too
				t.Errorf("%d records, want %d", got, want)
			}
		}
	})
}

func TestOneExchangePerPeerIsAnsweredAtATime(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		if err := query(t, a, b); err != nil {
			t.Fatal(err)
		}
		a.records.fill(1, 1, 100)
		b.records.merge = func(context.Context, [][]byte) error {
			time.Sleep(time.Second)
			return nil
		}
		var busy, fine int
		results := make(chan error)
		for range 10 {
			go func() {
				l := newLink(a.conns.best(b.id).conn, b.id, true) // a link of its own waits for no other
				results <- a.syncRecords(t.Context(), l)
			}()
		}
		for range 10 {
			switch err := <-results; {
			case err == nil:
				fine++
			case errors.Is(err, &Refusal{Code: Busy}):
				busy++
			default:
				t.Error(err)
			}
		}
		if fine != 1 || busy != 9 {
			t.Errorf("%d fine, %d busy", fine, busy)
		}
	})
}

func TestHostileExchangesAreCutOff(t *testing.T) {
	hash := make([]byte, 32*hashesAtOnce)
	for name, lines := range map[string][]message{
		"endless hashes":      slices.Repeat([]message{hashPage{Hashes: hash, More: true}}, 40),
		"records first":       {recordPage{Records: [][]byte{{1}}}},
		"something else":      {hello{}},
		"more than it may":    append([]message{hashPage{}}, slices.Repeat([]message{recordPage{Records: slices.Repeat([][]byte{make([]byte, 120)}, 500), More: true}}, 71)...),
		"a record over 1 KiB": {hashPage{}, recordPage{Records: [][]byte{make([]byte, 1025)}}},
	} {
		t.Run(name, func(t *testing.T) {
			onNet(t, 2, latency, func(t *testing.T, f *fabric) {
				t.Helper()
				a, b := f.nodes[0], f.nodes[1]
				if err := query(t, a, b); err != nil {
					t.Fatal(err)
				}
				w, err := openWire(t.Context(), a.conns.best(b.id), kindRecords)
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range lines {
					if err := w.send(m); err != nil {
						break
					}
				}
				for err == nil {
					_, err = w.receive()
				}
				if _, ok := errors.AsType[*ProtocolError](lost(b.id, err)); !ok || b.records.merges != 0 {
					t.Errorf("got %v, %d batches taken", err, b.records.merges)
				}
				w.abandon(CodeCancelled)
				if err := a.SyncRecords(t.Context(), b.id); err != nil {
					t.Errorf("afterwards: %v", err)
				}
			})
		})
	}
}

func TestPingIsAnsweredWithoutTheHandler(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		b.answer = func(context.Context, certs.ID, Query) (Answer, error) {
			t.Error("the handler was asked")
			return Answer{}, nil
		}
		for range 2 {
			p, err := a.Ping(t.Context(), b.id)
			if err != nil || p.Addr != b.addr || p.TCP || p.RTT < 2*latency || p.RTT > 3*latency {
				t.Errorf("%+v, %v", p, err)
			}
		}
		f.set(func() { delete(f.members, b.id) })
		if _, err := a.Ping(t.Context(), b.id); !errors.Is(err, certs.ErrNotMember) {
			t.Errorf("got %v", err)
		}
	})
}
