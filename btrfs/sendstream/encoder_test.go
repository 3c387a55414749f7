package sendstream

import (
	"bytes"
	"encoding/hex"
	"math"
	"strings"
	"testing"
)

// The bytes are the end of every stream of a kernel.
func TestEncoderWritesWhatTheKernelWrites(t *testing.T) {
	e := NewEncoder(1)
	e.Reset()
	if err := e.Append(&Command{Type: CmdEnd}); err != nil {
		t.Fatal(err)
	}
	if got, want := hex.EncodeToString(e.Bytes()), "000000001500506cc99d"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestEncoderRefusesWhatDoesNotFit(t *testing.T) {
	long := make([]byte, math.MaxUint16+1)
	for _, tt := range []struct {
		version uint32
		cmd     Command
		want    string
	}{
		{1, Command{Type: CmdWrite, Path: []byte("f"), Data: long}, "data of 65536 bytes does not fit"},
		{2, Command{Type: CmdSetXattr, Name: []byte("user.a"), Data: long}, "xattr_data of 65536 bytes does not fit"},
		{2, Command{Type: CmdUnlink, Path: long}, "path of 65536 bytes does not fit"},
		{2, Command{Type: 77}, "command 77: unknown type"},
	} {
		e := NewEncoder(tt.version)
		err := e.Append(&tt.cmd)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %q", err, tt.want)
		}
		if len(e.Bytes()) != headerSize {
			t.Errorf("%v: %d bytes were left", tt.cmd.Type, len(e.Bytes()))
		}
	}
}

func TestResetContinuesTheStream(t *testing.T) {
	var stream bytes.Buffer
	e := NewEncoder(2)
	for _, c := range append(samplesV2(), Command{Type: CmdEnd}) {
		if err := e.Append(&c); err != nil {
			t.Fatal(err)
		}
		stream.Write(e.Bytes())
		e.Reset()
	}
	if want := encode(t, 2, samplesV2()...); !bytes.Equal(stream.Bytes(), want) {
		t.Error("the pieces differ from the whole")
	}
}

func TestNamesOfTypesAndAttributes(t *testing.T) {
	for got, want := range map[string]string{
		CmdEncodedWrite.String(): "encoded_write",
		CmdSubvol.String():       "subvol",
		Type(0).String():         "command 0",
		Type(26).String():        "command 26",
		AttrEncryption.String():  "encryption",
		Attr(0).String():         "attribute 0",
		Attr(32).String():        "attribute 32",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	for c := CmdSubvol; c <= CmdEncodedWrite; c++ {
		if c.String() == "" || layouts[c].check == nil {
			t.Errorf("command %d has no name or no check", c)
		}
	}
}
