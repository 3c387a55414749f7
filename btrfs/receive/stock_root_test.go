//go:build root

package receive_test

import (
	"bytes"
	"fmt"
	"os/exec"
	"testing"

	"btrmesh/btrfs"
	"btrmesh/btrfs/sendstream"
)

// stockStream is the full stream that SEND makes of snap, by way of btrfs-progs:
// ours, of whole snapshots, is made otherwise.
func (s *site) stockStream(t *testing.T, f format, snap btrfs.Snapshot) []byte {
	t.Helper()
	args := []string{"send", "-q", "--proto", fmt.Sprint(f.version)}
	if f.compressed {
		args = append(args, "--compressed-data")
	}
	var stream, messages bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "btrfs", append(args, s.at(snap))...)
	cmd.Stdout, cmd.Stderr = &stream, &messages
	if err := cmd.Run(); err != nil {
		t.Fatalf("btrfs %v: %v\n%s", args, err, &messages)
	}
	return stream.Bytes()
}

// stockFrom is what of it follows a position.
func (s *site) stockFrom(t *testing.T, f format, snap btrfs.Snapshot, from sendstream.Position) ([]byte, error) {
	t.Helper()
	var rest bytes.Buffer
	_, err := sendstream.CopyFrom(&rest, bytes.NewReader(s.stockStream(t, f, snap)), sendstream.Limits{}, from)
	return rest.Bytes(), err
}
