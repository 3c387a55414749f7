package receive

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func openTemp(t *testing.T) *os.File {
	t.Helper()
	dir, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { release(dir) })
	return dir
}

func TestSidecarIsReadAsItWasWritten(t *testing.T) {
	dir, spec := openTemp(t), goodSpec()
	want := spec.sidecar(12345, time.Unix(2e9, 42))
	if err := writeSidecar(dir, &want); err != nil {
		t.Fatal(err)
	}
	got, err := readSidecar(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSidecarKeepsItsKeys(t *testing.T) {
	dir, spec := openTemp(t), goodSpec()
	sidecar := spec.sidecar(12345, time.Unix(2e9, 42))
	if err := writeSidecar(dir, &sidecar); err != nil {
		t.Fatal(err)
	}
	have, err := os.ReadFile(filepath.Join(dir.Name(), sidecarName))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{
	"schema": 1,
	"source": "7QK4D2MAAAA",
	"source_name": "nas-a",
	"share": "home/ann",
	"share_uuid": "",
	"task": "t",
	"run": 1,
	"snapshot": "01000000-0000-0000-0000-000000000000",
	"ctransid": 5,
	"parent": "",
	"taken": "2001-09-09T01:46:40Z",
	"received": "2033-05-18T03:33:20.000000042Z",
	"stream_bytes": 12345
}
`
	if diff := cmp.Diff(want, string(have)); diff != "" {
		t.Error(diff)
	}
}

func TestSidecarThatCannotBeTrustedIsRefused(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"cut":         {`{"schema": 1, "source"`, "decode snapshot.json"},
		"later":       {`{"schema": 2}`, "schema is 2, want 1"},
		"hostile ID":  {`{"schema": 1, "source": "../../../../x", "share": "s"}`, "an ID has letters, digits and dashes"},
		"no snapshot": {`{"schema": 1, "source": "7QK4D2MA", "share": "s"}`, "share or snapshot is missing"},
		"endless":     {strings.Repeat(" ", maxSidecar+1) + "{}", "decode snapshot.json"},
	} {
		dir := openTemp(t)
		if err := os.WriteFile(filepath.Join(dir.Name(), sidecarName), []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readSidecar(dir); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestSidecarIsNotReadThroughASymbolicLink(t *testing.T) {
	dir := openTemp(t)
	if err := os.Symlink("/etc/passwd", filepath.Join(dir.Name(), sidecarName)); err != nil {
		t.Fatal(err)
	}
	if got, err := readSidecar(dir); err == nil {
		t.Errorf("read %+v", got)
	}
}
