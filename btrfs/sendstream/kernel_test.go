package sendstream

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// kernelStreams returns the streams in testdata that a kernel made, by name.
func kernelStreams(tb testing.TB) map[string][]byte {
	tb.Helper()
	files, err := filepath.Glob("testdata/*.stream")
	if err != nil || len(files) == 0 {
		tb.Fatalf("no streams in testdata: %v", err)
	}
	streams := make(map[string][]byte)
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			tb.Fatal(err)
		}
		streams[strings.TrimSuffix(filepath.Base(f), ".stream")] = b
	}
	return streams
}

func TestKernelStreamsAreAcceptedWhole(t *testing.T) {
	for name, stream := range kernelStreams(t) {
		var dst bytes.Buffer
		s, err := Copy(&dst, bytes.NewReader(stream), Limits{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !bytes.Equal(dst.Bytes(), stream) || s.Bytes != int64(len(stream)) {
			t.Errorf("%s: the copy differs", name)
		}
	}
}

func TestKernelStreamsAreEncodedToTheSameBytes(t *testing.T) {
	for name, stream := range kernelStreams(t) {
		r := NewReader(bytes.NewReader(stream), Limits{})
		var c Command
		for {
			err := r.Next(&c)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			e := NewEncoder(r.Version())
			e.Reset()
			if err := e.Append(&c); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if want := stream[c.Offset : c.Offset+int64(c.Size)]; !bytes.Equal(e.Bytes(), want) {
				t.Errorf("%s: %v at %d: got %q, want %q", name, c.Type, c.Offset, e.Bytes(), want)
			}
		}
	}
}

func TestKernelStreamsReadAsBtrfsProgsReadsThem(t *testing.T) {
	for name, stream := range kernelStreams(t) {
		want, err := os.ReadFile("testdata/" + name + ".dump")
		if strings.HasSuffix(name, "-nodata") {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		cmds, err := readAll(bytes.NewReader(stream), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		for _, c := range cmds[:len(cmds)-1] { // end is not shown
			got.WriteString(dumpLine(string(cmds[0].Path), &c) + "\n")
		}
		if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")); diff != "" {
			t.Errorf("%s: (-btrfs-progs +ours)\n%s", name, diff)
		}
	}
}

// dumpLine is the line "btrfs receive --dump" has for c.
func dumpLine(subvol string, c *Command) string {
	path := "./" + subvol
	if c.Type != CmdSubvol && c.Type != CmdSnapshot {
		path = inSubvol(subvol, c.Path)
	}
	details := dumpDetails(subvol, c)
	if details == "" {
		return fmt.Sprintf("%-16s%s", c.Type, path)
	}
	return fmt.Sprintf("%-16s%-31s %s", c.Type, path, details)
}

func dumpDetails(subvol string, c *Command) string {
	switch c.Type { //nolint:exhaustive // the rest has no details
	case CmdSubvol:
		return fmt.Sprintf("uuid=%s transid=%d", dumpUUID(c.UUID), c.CTransID)
	case CmdSnapshot:
		return fmt.Sprintf("uuid=%s transid=%d parent_uuid=%s parent_transid=%d",
			dumpUUID(c.UUID), c.CTransID, dumpUUID(c.CloneUUID), c.CloneCTransID)
	case CmdMknod:
		return fmt.Sprintf("mode=%o dev=0x%x", c.Mode, c.Rdev)
	case CmdRename:
		return "dest=" + inSubvol(subvol, c.To)
	case CmdSymlink, CmdLink:
		return "dest=" + escape(c.Target)
	case CmdSetXattr:
		return fmt.Sprintf("name=%s len=%d", c.Name, len(c.Data))
	case CmdRemoveXattr:
		return fmt.Sprintf("name=%s", c.Name)
	case CmdWrite:
		return fmt.Sprintf("offset=%d len=%d", c.FileOffset, len(c.Data))
	case CmdClone:
		return fmt.Sprintf("offset=%d len=%d from=%s clone_offset=%d",
			c.FileOffset, c.CloneLen, inSubvol(subvol, c.ClonePath), c.CloneOffset)
	case CmdTruncate:
		return fmt.Sprintf("size=%d", c.Length)
	case CmdChmod:
		return fmt.Sprintf("mode=%o", c.Mode)
	case CmdChown:
		return fmt.Sprintf("gid=%d uid=%d", c.GID, c.UID)
	case CmdUtimes:
		return fmt.Sprintf("atime=%s mtime=%s ctime=%s", dumpTime(c.ATime), dumpTime(c.MTime), dumpTime(c.CTime))
	case CmdFallocate:
		return fmt.Sprintf("mode=%d offset=%d len=%d", c.FallocateMode, c.FileOffset, c.Length)
	case CmdFileattr:
		return fmt.Sprintf("fileattr=0x%d", c.FileAttr) // decimal in spite of the 0x
	case CmdEncodedWrite:
		return fmt.Sprintf(
			"offset=%d len=%d, unencoded_file_len=%d, unencoded_len=%d, unencoded_offset=%d, compression=%d, encryption=%d",
			c.FileOffset, len(c.Data), c.UnencodedFileLen, c.UnencodedLen, c.UnencodedOffset, c.Compression, c.Encryption,
		)
	}
	return ""
}

func dumpTime(t Time) string { return time.Unix(t.Sec, 0).UTC().Format("2006-01-02T15:04:05-0700") }

func dumpUUID(u [16]byte) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

func inSubvol(subvol string, path []byte) string { return "./" + subvol + "/" + escape(path) }

func escape(path []byte) string {
	var b strings.Builder
	for _, ch := range path {
		switch {
		case ch == '\n':
			b.WriteString(`\n`)
		case ch >= 0x80:
			fmt.Fprintf(&b, `\%o`, ch)
		default:
			b.WriteByte(ch)
		}
	}
	return b.String()
}

func TestEstimateFromKernelStreamsWithoutData(t *testing.T) {
	streams := kernelStreams(t)
	for _, tt := range []struct {
		noData  string
		version uint32
		want    string
	}{
		{"full-v1-nodata", 1, "full-v1"},
		{"full-v1-nodata", 2, "full-v2"},
		{"full-v2-nodata", 1, "full-v1"},
		{"full-v2-nodata", 2, "full-v2"},
		{"incremental-v1-nodata", 1, "incremental-v1"},
		{"incremental-v2-nodata", 1, "incremental-v1"},
		{"incremental-v2-nodata", 2, "incremental-v2"},
	} {
		s, err := Copy(io.Discard, bytes.NewReader(streams[tt.noData]), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := s.EstimateBytes(tt.version), int64(len(streams[tt.want])); got != want {
			t.Errorf("%s: estimated %d, %s has %d", tt.noData, got, tt.want, want)
		}
	}
}
