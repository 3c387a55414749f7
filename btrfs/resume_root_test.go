//go:build root

package btrfs_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"

	"btrmesh/btrfs"
	"btrmesh/btrfs/sendstream"
)

// positionsOf are those after each command of a stream but the end.
func positionsOf(t *testing.T, stream []byte) (list []sendstream.Position) {
	t.Helper()
	r := sendstream.NewReader(bytes.NewReader(stream), sendstream.Limits{})
	track := sendstream.TrackFrom(sendstream.Position{})
	for {
		var c sendstream.Command
		if err := r.Next(&c); errors.Is(err, io.EOF) {
			return list[:len(list)-1]
		} else if err != nil {
			t.Fatal(err)
		}
		track.Add(&c)
		at, ok := track.Position()
		if !ok {
			t.Fatalf("no position after %v at byte %d", c.Type, c.Offset)
		}
		list = append(list, at)
	}
}

func TestSendGoesOnFromAPosition(t *testing.T) {
	p := newPool(t, "compress=zstd")
	first, second := history(t, p)
	for name, r := range map[string]btrfs.SendRequest{
		"full":        {Snapshot: first.UUID, Version: 1},
		"full packed": {Snapshot: first.UUID, Version: 2, Compressed: true},
		"incremental": {Snapshot: second.UUID, Parent: first.UUID, Version: 2, Compressed: true},
	} {
		stream, _ := send(t, p, r)
		all := positionsOf(t, stream)
		for i := range 7 {
			r.From = all[i*(len(all)-1)/6]
			var rest bytes.Buffer
			stats, err := p.Send(t.Context(), &rest, r)
			must(t, err)
			header := len("btrfs-stream\x00") + 4
			if want := slices.Concat(stream[:header], stream[r.From.Bytes:]); !bytes.Equal(rest.Bytes(), want) {
				t.Errorf("%s from %v: %d bytes, want %d", name, r.From, rest.Len(), len(want))
			}
			if stats.Bytes != int64(len(stream)) || stats.Skipped != r.From.Bytes-int64(header) {
				t.Errorf("%s: %d of %d bytes skipped", name, stats.Skipped, stats.Bytes)
			}
		}
	}
}

func TestMetadataIsTheSameAfterABalance(t *testing.T) {
	p := newPool(t, "compress=zstd")
	first, second := history(t, p)
	for _, r := range []btrfs.SendRequest{{Snapshot: first.UUID}, {Snapshot: second.UUID, Parent: first.UUID}} {
		before, _ := send(t, p, r)
		run(t, "btrfs", "balance", "start", "--full-balance", p.Path())
		after, _ := send(t, p, r)
		a, b := positionsOf(t, before), positionsOf(t, after)
		if x, y := a[len(a)-1], b[len(b)-1]; x.Meta != y.Meta || x.Fingerprint != y.Fingerprint {
			t.Errorf("at the end: %v before, %v after", x, y)
		}
	}
}

func TestSendFromAnotherStreamDiverges(t *testing.T) {
	p := newPool(t, "")
	first, second := history(t, p)
	stream, _ := send(t, p, btrfs.SendRequest{Snapshot: first.UUID, Version: 1})
	all := positionsOf(t, stream)
	for what, r := range map[string]btrfs.SendRequest{
		"another snapshot": {Snapshot: second.UUID, Version: 1, From: all[len(all)/2]},
		"a parent":         {Snapshot: second.UUID, Parent: first.UUID, Version: 1, From: all[5]},
		"another version":  {Snapshot: first.UUID, Version: 2, From: all[len(all)/2]},
		"beyond the end":   {Snapshot: first.UUID, Version: 1, From: sendstream.Position{Meta: 1 << 40}},
	} {
		var rest bytes.Buffer
		_, err := p.Send(t.Context(), &rest, r)
		if !errors.Is(err, sendstream.ErrDiverged) || rest.Len() != 0 {
			t.Errorf("%s: %v with %d bytes", what, err, rest.Len())
		}
	}
}
