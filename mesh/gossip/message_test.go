package gossip

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
)

func TestPacketsAreRefusedBeforeMemberlist(t *testing.T) {
	ping := say(msgPing, "SeqNo", 1)
	compound := func(parts ...[]byte) []byte {
		b := []byte{byte(msgCompound), byte(len(parts))}
		for _, p := range parts {
			b = binary.BigEndian.AppendUint16(b, uint16(len(p)))
		}
		return append(b, bytes.Join(parts, nil)...)
	}
	crc := func(b []byte) []byte { return append([]byte{byte(msgCRC), 0, 0, 0, 0}, b...) }
	for name, c := range map[string]struct {
		packet []byte
		want   bool
	}{
		"ping":                   {ping, true},
		"compound":               {compound(ping, ping), true},
		"compound with checksum": {crc(compound(ping)), true},
		"empty":                  {nil, false},
		"only checksum":          {crc(nil), false},
		"checksum in checksum":   {crc(crc(ping)), false},
		"compressed":             {[]byte{9, 1, 2, 3}, false},
		"encrypted":              {[]byte{10, 1, 2, 3}, false},
		"state":                  {[]byte{byte(msgPushPull)}, false},
		"labelled":               {[]byte{244, 1, 'x', 0}, false},
		"compressed in compound": {compound(ping, []byte{9, 1}), false},
		"compound in compound":   {compound(compound(ping)), false},
		"empty part":             {compound(nil), false},
		"truncated lengths":      {[]byte{byte(msgCompound), 200, 0, 1}, false},
		"truncated parts":        {compound(ping)[:6], false},
		"too large":              {append(ping, make([]byte, maxPacketIn)...), false},
	} {
		if got := packetAllowed(c.packet); got != c.want {
			t.Errorf("%s: allowed is %t", name, got)
		}
	}
}

func TestStreamHeadsAreBounded(t *testing.T) {
	state := func(nodes, note int) []byte {
		b := []byte{byte(msgPushPull), 0x83}
		b = append(binary.BigEndian.AppendUint32(append(b, "\xa5Nodes\xd2"...), uint32(nodes)), "\xacUserStateLen\xd1"...)
		return append(binary.BigEndian.AppendUint16(b, uint16(note)), "\xa4Join\xc3 and the rest"...)
	}
	for name, c := range map[string]struct {
		head    []byte
		allowed map[message]bool
		want    int64
		err     error
	}{
		"state":                {state(4, 65), requests, maxSmall + 4*maxNodeText + 65, nil},
		"ping":                 {[]byte{byte(msgPing)}, requests, maxSmall, nil},
		"error to a request":   {[]byte{byte(msgError)}, replies, maxSmall, nil},
		"error as a request":   {[]byte{byte(msgError)}, requests, 0, errMessage},
		"user message":         {[]byte{byte(msgUser)}, requests, 0, errMessage},
		"compressed":           {[]byte{9}, replies, 0, errMessage},
		"too many members":     {state(maxNodes+1, 65), requests, 0, errMessage},
		"minus one member":     {state(-1, 65), requests, 0, errMessage},
		"too long a note":      {state(4, maxNote+1), requests, 0, errMessage},
		"large map":            {[]byte{byte(msgPushPull), 0x84}, requests, 0, errMessage},
		"array":                {[]byte{byte(msgPushPull), 0x93}, requests, 0, errMessage},
		"number as key":        {[]byte{byte(msgPushPull), 0x81, 0x01, 0x01}, requests, 0, errMessage},
		"text as value":        {[]byte("\x06\x81\xa5Nodes\xa1x"), requests, 0, errMessage},
		"repeated key":         {[]byte("\x06\x82\xa5Nodes\x01\xa5Nodes\x02"), requests, 0, errMessage},
		"small numbers":        {[]byte("\x06\x82\xa5Nodes\x05\xacUserStateLen\xcc\x41"), requests, maxSmall + 5*maxNodeText + 65, nil},
		"sixty-four bit count": {[]byte("\x06\x81\xa5Nodes\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), requests, 0, errMessage},
	} {
		got, err := streamHead(bytes.NewReader(c.head), c.allowed)
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %d, %v", name, got, err)
		}
	}
}

func FuzzPacketAndStreamHead(f *testing.F) {
	f.Add([]byte{byte(msgCompound), 1, 0, 1, 0})
	f.Add([]byte("\x06\x82\xa5Nodes\x05\xacUserStateLen\xcc\x41"))
	f.Add([]byte{batchVersion})
	f.Fuzz(func(t *testing.T, b []byte) {
		packetAllowed(b)
		if n, err := streamHead(bytes.NewReader(b), requests); err == nil && n > maxSmall+maxNodes*maxNodeText+maxNote {
			t.Errorf("%d bytes of a stream allowed", n)
		}
		sender, records, err := parseBatch(b)
		if err != nil || len(records) == 0 {
			return
		}
		var again [][]byte
		for _, part := range cutBatches(sender, records) {
			_, rs, err := parseBatch(part)
			if err != nil {
				t.Fatal(err)
			}
			again = append(again, rs...)
		}
		if !bytes.Equal(bytes.Join(again, nil), bytes.Join(records, nil)) {
			t.Error("a batch changes on its way")
		}
	})
}
