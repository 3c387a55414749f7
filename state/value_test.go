package state

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"
)

func TestCorruptValueIsAnErrorNamingTheKey(t *testing.T) {
	cases := map[string][]byte{
		"empty":           {},
		"version 2":       {2, 0xa0},
		"no map":          {1, 0x01},
		"cut":             {1, 0xa1, 0x01},
		"trailing bytes":  {1, 0xa0, 0x00},
		"wrong type":      {1, 0xa1, 0x01, 0x18, 0x2a},
		"duplicate field": {1, 0xa2, 0x08, 0x00, 0x08, 0x01},
		"endless":         {1, 0xbf, 0xff},
		"too long":        append([]byte{1}, bytes.Repeat([]byte{0}, maxValue)...),
	}
	for name, value := range cases {
		t.Run(name, func(t *testing.T) {
			s := memory(t)
			update(t, s, func(tx *Tx) error { return tx.PutTask(Task{Name: "good"}) })
			set(t, s, taskKey("bad"), value)
			_ = s.View(func(tx *Tx) error {
				task, ok, err := tx.Task("bad")
				var e *CorruptError
				if !errors.As(err, &e) || e.Key != "task 626164" || ok || task.Name != "" {
					t.Errorf("got %+v, %v, %v", task, ok, err)
				}
				all, err := tx.Tasks()
				if len(all) != 1 || all[0].Name != "good" || !errors.As(err, &e) {
					t.Errorf("listed %d, %v", len(all), err)
				}
				return nil
			})
		})
	}
}

func TestUnknownFieldsAreIgnored(t *testing.T) {
	s := memory(t)
	body, err := cbor.Marshal(map[int]any{1: "a", 8: 300, 99: []any{map[int]int{1: 2}, "new"}})
	if err != nil {
		t.Fatal(err)
	}
	set(t, s, taskKey("a"), append([]byte{valueVersion}, body...))
	_ = s.View(func(tx *Tx) error {
		if task, ok, err := tx.Task("a"); !ok || err != nil || task.EverySeconds != 300 {
			t.Errorf("got %+v, %v, %v", task, ok, err)
		}
		return nil
	})
}

func TestTooLargeValueIsRefused(t *testing.T) {
	s := memory(t)
	err := s.Update(func(tx *Tx) error {
		return tx.PutPeer(Peer{ID: id(1), Name: strings.Repeat("x", maxValue)})
	})
	if err == nil || !strings.Contains(err.Error(), "the most is 32768") {
		t.Errorf("got %v", err)
	}
}

func TestShareNamesAreBytes(t *testing.T) {
	s := memory(t)
	want := aReplica()
	want.Share = "caf\xe9/\xff"
	update(t, s, func(tx *Tx) error { return tx.PutReplica(want) })
	_ = s.View(func(tx *Tx) error {
		if all, err := tx.Replicas(); err != nil || all[0].Share != want.Share {
			t.Errorf("got %+v, %v", all, err)
		}
		return nil
	})
}

func TestFailureIsStoredWhateverItSays(t *testing.T) {
	s := memory(t)
	run := aRun(Send)
	run.Error = strings.Repeat("é", 50_000)
	for range 5000 {
		run.Hints = append(run.Hints, strings.Repeat("h", 5000))
	}
	update(t, s, func(tx *Tx) error { return tx.PutRun(run) })
	_ = s.View(func(tx *Tx) error {
		got, _, err := tx.Run(Send, run.Peer, run.Task, run.Number)
		if err != nil || len(got.Error) > maxErrorText || len(got.Hints) != maxHints || len(got.Hints[7]) != maxHintText {
			t.Errorf("%d bytes, %d hints, %v", len(got.Error), len(got.Hints), err)
		}
		if !utf8.ValidString(got.Error) || !strings.HasSuffix(got.Error, "…") {
			t.Errorf("cut badly: %q", got.Error[len(got.Error)-8:])
		}
		return nil
	})
}

func FuzzDecode(f *testing.F) {
	c, err := newCodec()
	if err != nil {
		f.Fatal(err)
	}
	for _, v := range []any{anAppliance(), aPeer(), aGrant(), aTask(), aRun(Receive), aReplica(), anInvite()} {
		value, err := c.encode(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		for _, v := range []any{&Appliance{}, &Peer{}, &Grant{}, &Task{}, &Run{}, &Replica{}, &Invite{}} {
			if c.decode(value, v) != nil {
				continue
			}
			if _, err := c.encode(v); err != nil && len(value) < maxValue/4 {
				t.Errorf("%T of %x cannot be written again: %v", v, value, err)
			}
		}
	})
}
