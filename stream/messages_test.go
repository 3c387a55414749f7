package stream

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"btrmesh/btrfs"
)

var update = flag.Bool("update", false, "write the golden files anew")

func day() time.Time { return time.Date(2026, 11, 23, 9, 41, 0, 123456789, time.UTC) }

// samples holds one full message of each type, by the name of its golden file.
func samples() map[string]message {
	uuid := btrfs.UUID{0x10, 0x20, 0x30, 15: 0xff}
	return map[string]message{
		"hello": hello{Protocol: Range{1, 1}, Name: "nas-a", Version: "1.0", Token: bytes16{1, 15: 2}, Instance: bytes16{3}, Boots: 4, Digest: bytes32{5}},
		"offer": Offer{
			Task: "photos-nas-b", Run: 42, Every: 300, Keep: "last 7", Share: "photos", ShareUUID: uuid,
			Pool: "tank", Snapshot: btrfs.UUID{7}, CTransID: 99, Taken: day(), Unchanged: true, Full: true, Open: []uint64{40, 41},
		},
		"have": Have{
			Snapshots: []Held{{UUID: uuid, CTransID: 98, Taken: day(), Run: 41, Received: day(), Bytes: 1 << 40}},
			FreeBytes: 1 << 41, ReserveBytes: 1 << 31, StreamVersion: 2, ReplicaPath: "/mnt2/tank/.btrmesh/replicas/nas-a/photos",
			Ended: []Ended{{Run: 40, Outcome: EndedFailed, DataBytes: 1 << 20}}, Resume: "17-4096",
		},
		"begin": Begin{Parent: uuid, EstimateBytes: 1 << 33, StreamVersion: 2, Compressed: true, From: "17-4096"},
		"progress": progress{
			Applied: 123456, Chunks: 7, Starved: true, Beyond: 0b1011, Bytes: 1 << 20, Roll: true,
			Lanes: []laneReport{{Serial: 3, Bytes: 1 << 19}, {Serial: 1 << 31}},
		},
		"end":       end{Bytes: 1 << 33, Chunks: 8192, XXH64: 5},
		"committed": Committed{Snapshot: uuid, Received: day(), Bytes: 1 << 33, Unchanged: true},
		"refused":   Refusal{Code: NoSpace, Text: "40 GiB free", Facts: []string{"reserve 5%"}},
		"abort":     abort{Code: Cancelled, Text: "by the operator"},
		"query":     Query{Kind: QueryInfo, Body: []byte{0xa0}},
		"answer":    Answer{Body: []byte{0xa0}},
		"join": join{
			Protocol: Range{1, 1}, InviteID: bytes5{1, 2, 3, 4, 5}, Proof: bytes32{9},
			Hello: JoinHello{Name: "nas-b", Version: "1.0", Instance: bytes16{3}, Listen: []string{"192.168.1.11:7945"}},
		},
		"joined": JoinAnswer{
			Name: "nas-a", Version: "1.0", Proof: bytes32{8}, Addresses: []string{"192.168.1.10:7945"},
			Time: day(), Granted: []string{"tank"}, Appliances: []string{"nas-a", "nas-c"},
			Admission: []byte{0xa1, 1, 2},
		},
		"stored":    stored{Consent: bytes.Repeat([]byte{6}, 64)},
		"confirmed": confirmed{},
		"hashes":    hashPage{Hashes: bytes.Repeat([]byte{1, 2}, 32), More: true},
		"records":   recordPage{Records: [][]byte{{0xa0}, {0xa1, 1, 2}}, More: true},
		"synced":    synced{},
	}
}

// parseAny decodes f into the message its type names.
func parseAny(f frame) (message, error) {
	switch f.kind {
	case typeHello:
		return parse[hello](f)
	case typeOffer:
		return parse[Offer](f)
	case typeHave:
		return parse[Have](f)
	case typeBegin:
		return parse[Begin](f)
	case typeProgress:
		return parse[progress](f)
	case typeEnd:
		return parse[end](f)
	case typeCommitted:
		return parse[Committed](f)
	case typeRefused:
		return parse[Refusal](f)
	case typeAbort:
		return parse[abort](f)
	case typeQuery:
		return parse[Query](f)
	case typeAnswer:
		return parse[Answer](f)
	case typeJoin:
		return parse[join](f)
	case typeJoined:
		return parse[JoinAnswer](f)
	case typeStored:
		return parse[stored](f)
	case typeConfirmed:
		return parse[confirmed](f)
	case typeHashes:
		return parse[hashPage](f)
	case typeRecords:
		return parse[recordPage](f)
	case typeSynced:
		return parse[synced](f)
	default:
		return nil, ErrBadStream
	}
}

func TestMessagesKeepTheirBytes(t *testing.T) {
	for name, m := range samples() {
		t.Run(name, func(t *testing.T) {
			b, err := appendFrame(nil, m)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name, b)
			f, err := readFrame(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			got, err := parseAny(f)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(m, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// golden compares b with testdata/name.hex.
func golden(t *testing.T, name string, b []byte) {
	t.Helper()
	path := filepath.Join("testdata", name+".hex")
	if *update {
		if err := os.WriteFile(path, []byte(hex.Dump(b)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), hex.Dump(b)); diff != "" {
		t.Error(diff)
	}
}

func TestLaneAndChunkHeadersKeepTheirBytes(t *testing.T) {
	golden(t, "lane", laneHeader(bytes16{1, 15: 2}, 3))
	golden(t, "chunk", appendChunkHeader(nil, chunkHeader{number: 7, encoding: encodingZstd, raw: maxChunk, encoded: 1000, sum: 0xcafe}))
}

func TestUnknownFieldsAreIgnored(t *testing.T) {
	body, err := encode(map[int]any{1: 5, 2: 6, 99: "from the future"})
	if err != nil {
		t.Fatal(err)
	}
	p, err := parse[progress](frame{typeProgress, body})
	if err != nil || p.Applied != 5 || p.Chunks != 6 {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestLargestMessagesFitAFrame(t *testing.T) {
	wide := time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC)
	have := Have{FreeBytes: 1 << 63, ReserveBytes: 1 << 63, StreamVersion: 1 << 31, ReplicaPath: strings.Repeat("x", maxPath)}
	have.Resume = strings.Repeat("x", maxName)
	for range MaxOpen {
		have.Ended = append(have.Ended, Ended{Run: 1 << 63, Outcome: EndedOK, DataBytes: 1 << 62})
	}
	for range MaxHeld {
		have.Snapshots = append(have.Snapshots, Held{
			UUID: btrfs.UUID{1}, CTransID: 1 << 63, Taken: wide, Run: 1 << 63, Received: wide, Bytes: 1 << 62,
		})
	}
	pages := slices.Collect(recordPages(slices.Repeat([][]byte{make([]byte, maxRecord)}, 2*recordsAtOnce)))
	small := slices.Collect(recordPages(slices.Repeat([][]byte{make([]byte, 120)}, 2*recordsAtOnce)))
	for name, m := range map[string]message{
		"records": pages[0], "small records": small[0], "hashes": hashPage{Hashes: make([]byte, 32*hashesAtOnce)},
		"have": have, "query": Query{Body: make([]byte, maxBody)}, "answer": Answer{Body: make([]byte, maxBody)},
	} {
		b, err := appendFrame(nil, m)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if f, err := readFrame(bytes.NewReader(b)); err != nil || len(f.body) == 0 {
			t.Errorf("%s of %d bytes: %v", name, len(b), err)
		} else if _, err := parseAny(f); err != nil {
			t.Errorf("%s of %d bytes: %v", name, len(b), err)
		}
	}
}

func TestHostileFramesAreRefused(t *testing.T) {
	must := func(v any) []byte {
		b, err := encode(v)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	held := make([]Held, MaxHeld+1)
	for name, f := range map[string]frame{
		"not cbor":          {typeOffer, []byte("hello")},
		"trailing bytes":    {typeProgress, append(must(progress{}), 0)},
		"duplicate key":     {typeProgress, []byte{0xa2, 0x01, 0x05, 0x01, 0x06}},
		"indefinite map":    {typeProgress, []byte{0xbf, 0x01, 0x05, 0xff}},
		"tag":               {typeProgress, []byte{0xa1, 0x01, 0xc1, 0x05}},
		"short token":       {typeHello, must(map[int]any{4: []byte{1, 2}})},
		"long uuid":         {typeBegin, must(map[int]any{1: make([]byte, 17), 5: 1})},
		"19 lanes":          {typeProgress, must(progress{Lanes: make([]laneReport, maxLanes+spareLanes+1)})},
		"negative lane":     {typeProgress, must(progress{Lanes: []laneReport{{Bytes: -1}}})},
		"long lane":         {typeProgress, must(map[int]any{7: [][]int{{1, 2, 3}}})},
		"33 beyond":         {typeProgress, must(map[int]any{4: uint64(1) << 32})},
		"negative bytes":    {typeEnd, must(map[int]any{1: -1})},
		"negative progress": {typeProgress, must(map[int]any{1: -1})},
		"too many held":     {typeHave, must(Have{Snapshots: held})},
		"long share":        {typeOffer, must(Offer{Task: "t", Share: strings.Repeat("s", maxName+1)})},
		"no share":          {typeOffer, must(Offer{Task: "t"})},
		"cut hash":          {typeHashes, must(hashPage{Hashes: make([]byte, 33)})},
		"too many hashes":   {typeHashes, must(hashPage{Hashes: make([]byte, 32*(hashesAtOnce+1))})},
		"endless hashes":    {typeHashes, must(hashPage{More: true})},
		"endless records":   {typeRecords, must(recordPage{More: true})},
		"empty record":      {typeRecords, must(recordPage{Records: [][]byte{{}}})},
		"long record":       {typeRecords, must(recordPage{Records: [][]byte{make([]byte, maxRecord+1)}})},
		"too many records":  {typeRecords, must(recordPage{Records: slices.Repeat([][]byte{{1}}, recordsAtOnce+1)})},
		"short consent":     {typeStored, must(stored{Consent: make([]byte, 63)})},
		"long admission":    {typeJoined, must(JoinAnswer{Admission: make([]byte, maxRecord+1)})},
		"refusal of zero":   {typeRefused, must(Refusal{})},
		"huge array":        {typeHave, []byte{0xa1, 0x01, 0x9b, 0, 0, 0, 1, 0, 0, 0, 0}},
		"deep":              {typeHave, append([]byte{0xa1, 0x01}, bytes.Repeat([]byte{0x81}, 1000)...)},
		"not utf-8":         {typeRefused, []byte{0xa2, 0x01, 0x01, 0x02, 0x62, 0xff, 0xfe}},
	} {
		if m, err := parseAny(f); !errors.Is(err, ErrBadStream) {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
}

func TestFrameLengthIsCheckedBeforeAllocation(t *testing.T) {
	for _, head := range [][]byte{{0, 0, 0, 0, 1}, {0, 1, 0, 1, 1}, {0xff, 0xff, 0xff, 0xff, 1}} {
		if _, err := readFrame(bytes.NewReader(head)); !errors.Is(err, ErrBadStream) {
			t.Errorf("%x: %v", head, err)
		}
	}
	if _, err := readFrame(bytes.NewReader([]byte{0, 0, 0, 9, 1, 2})); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut frame: %v", err)
	}
	if _, err := readFrame(bytes.NewReader(nil)); !errors.Is(err, io.EOF) {
		t.Errorf("no frame: %v", err)
	}
}

func TestRefusalTextIsCutToItsBounds(t *testing.T) {
	r := Refusal{Code: IO, Text: strings.Repeat("ä", maxText) + "\xff", Facts: make([]string, 2*maxFacts)}.bounded()
	if err := r.check(); err != nil || len(r.Facts) != maxFacts || !strings.HasPrefix(r.Text, "ää") {
		t.Errorf("%d facts, %v", len(r.Facts), err)
	}
	if r := refusalOf(errors.New("bad\xffbyte")); r.Code != Internal || !strings.HasPrefix(r.Text, "bad") {
		t.Errorf("%+v", r)
	}
}

func TestInfoRoundTrip(t *testing.T) {
	want := Info{
		Name: "nas-b", Version: "1.0", Protocol: Range{1, 1}, Time: day(), ServiceOn: true,
		Pools: []PoolInfo{{
			Name: "tank", UUID: btrfs.UUID{4}, Size: 1 << 42, Free: 1 << 41, Profile: "raid1",
			Grant: GrantInfo{Granted: true, Quota: 2 << 40, Used: 1 << 30, Shares: []string{"photos"}},
		}},
	}
	a, err := want.Answer()
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseInfo(a)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := ParseInfo(Answer{Body: []byte("x")}); !errors.Is(err, ErrBadStream) {
		t.Errorf("got %v", err)
	}
}

func FuzzFrame(f *testing.F) {
	for _, m := range samples() {
		b, err := appendFrame(nil, m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := readFrame(bytes.NewReader(b))
		if err != nil {
			return
		}
		m, err := parseAny(got)
		if err != nil {
			return
		}
		again, err := appendFrame(nil, m)
		if err != nil {
			t.Fatalf("%+v does not encode: %v", m, err)
		}
		next, err := readFrame(bytes.NewReader(again))
		if err != nil {
			t.Fatal(err)
		}
		same, err := parseAny(next)
		if err != nil {
			t.Fatalf("%+v does not parse again: %v", m, err)
		}
		if diff := cmp.Diff(m, same); diff != "" {
			t.Error(diff)
		}
	})
}
