package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"btrmesh/btrfs"
	"btrmesh/btrfs/sendstream"
	"btrmesh/mesh/control"
)

func debugSendCommand() *cli.Command {
	return leaf{
		name: "send", usage: "write the stream of a read-only snapshot to stdout, like btrfs send", args: []string{"SNAPSHOT"}, run: runDebugSend,
		flags: []cli.Flag{
			&cli.StringFlag{Name: "parent", Aliases: []string{"p"}, Usage: "send the difference to the snapshot `PARENT`, which the receiver has"},
			&cli.StringSliceFlag{Name: "clone", Aliases: []string{"c"}, Usage: "share extents with the snapshot `CLONE`, which the receiver has; repeatable"},
			countFlag("proto", nil, 0, "write version `N` of the format, 1 or 2 (default: 1, or 2 for compressed data)"),
			&cli.BoolFlag{Name: "compressed-data", Usage: "send compressed extents as they are, unless the kernel would cut a file that way"},
			&cli.StringFlag{Name: "file", Aliases: []string{"f"}, Usage: "write to the new file `FILE`, which stays only if the stream is whole"},
		},
	}.command()
}

// sent is what debug send answers.
type sent struct {
	Snapshot string `json:"snapshot"` // its name
	Kind     string `json:"kind"`
	Version  uint32 `json:"version"` // of the stream
	Bytes    int64  `json:"bytes"`
	TookMS   int64  `json:"took_ms"`
}

// runDebugSend writes one stream. A second Ctrl-C ends it even where the reader
// of the stream does not read on.
func runDebugSend(s *session) error {
	version, err := streamVersion(s.count("proto"), s.has("compressed-data"))
	if err != nil {
		return err
	}
	if s.out.terminal && s.text("file") == "" {
		return control.Usage("a stream is not for a terminal.").Hint("sudo btrmesh debug send %s > FILE", quote(s.arg(0)))
	}
	if err := s.needRoot(os.Geteuid()); err != nil {
		return err
	}
	defer context.AfterFunc(s.ctx, func() { signal.Reset(syscall.SIGINT, syscall.SIGTERM) })()
	request, err := s.sendRequest(version)
	if err != nil {
		return err
	}
	began := time.Now()
	stats, err := s.sendTo(s.text("file"), request)
	if err != nil {
		return sendFailed(s.ctx, err)
	}
	return s.printSent(sent{
		Snapshot: filepath.Base(filepath.Clean(s.arg(0))), Kind: streamKind(request.Parent),
		Version: stats.Version, Bytes: stats.Bytes, TookMS: time.Since(began).Milliseconds(),
	})
}

// streamVersion decides on the version of a stream; asked is 0 if nobody did.
func streamVersion(asked int64, compressed bool) (uint32, error) {
	switch {
	case asked > 2:
		return 0, control.Usage("there is no --proto %d.", asked).Fact("give 1 or 2")
	case asked == 1 && compressed:
		return 0, control.Usage("--compressed-data needs --proto 2.")
	case asked == 2 || compressed:
		return 2, nil
	}
	return 1, nil
}

// streamKind is "full" or "incremental".
func streamKind(parent btrfs.UUID) string {
	if parent.IsZero() {
		return "full"
	}
	return "incremental"
}

// sendRequest finds the snapshots the line names.
func (s *session) sendRequest(version uint32) (btrfs.SendRequest, error) {
	r := btrfs.SendRequest{Version: version, Compressed: s.has("compressed-data")}
	newest, err := btrfs.StreamVersion()
	if err != nil {
		return r, err
	}
	if version > newest {
		return r, failure(codeOldKernel, control.ExitConflict, "this kernel makes streams of version %d at most.", newest).
			Hint("btrmesh debug send --proto %d SNAPSHOT", newest)
	}
	if r.Snapshot, err = snapshotAt(s.arg(0)); err != nil {
		return r, err
	}
	if parent := s.text("parent"); parent != "" {
		if r.Parent, err = snapshotAt(parent); err != nil {
			return r, err
		}
	}
	for _, path := range s.many("clone") {
		clone, err := snapshotAt(path)
		if err != nil {
			return r, err
		}
		r.Clones = append(r.Clones, clone)
	}
	return r, nil
}

// snapshotAt returns the UUID of the read-only subvolume at path.
func snapshotAt(path string) (btrfs.UUID, error) {
	sub, err := subvolumeAt(path)
	if err != nil {
		return btrfs.UUID{}, err
	}
	if !sub.ReadOnly {
		return btrfs.UUID{}, failure(codeNotReadOnly, control.ExitConflict, "%s is writable; only a read-only snapshot can be sent.", path).
			Hint("sudo btrfs subvolume snapshot -r %s %s", quote(path), quote(filepath.Clean(path)+".snapshot"))
	}
	return sub.UUID, nil
}

// sendTo writes the stream to stdout, or to the new file path.
func (s *session) sendTo(path string, r btrfs.SendRequest) (sendstream.Stats, error) {
	pool, err := poolAt(s.arg(0))
	if err != nil {
		return sendstream.Stats{}, err
	}
	defer pool.Close() //nolint:errcheck // opened for reading
	if path == "" {
		return pool.Send(s.ctx, s.out.w, r)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return sendstream.Stats{}, failure(codePathExists, control.ExitConflict, "%s exists already.", path)
	}
	if err != nil {
		return sendstream.Stats{}, err
	}
	stats, err := pool.Send(s.ctx, file, r)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		err = errors.Join(err, os.Remove(path))
	}
	return stats, err
}

// sendFailed tells why there is no stream, or no whole one.
func sendFailed(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return control.Errorf(control.CodeInterrupted, "interrupted; the stream is not whole.")
	case errors.Is(err, btrfs.ErrNoParent), errors.Is(err, btrfs.ErrNotSubvolume):
		return failure(codeNoParent, control.ExitConflict, "PARENT and CLONE must be on the file system of SNAPSHOT: %v.", err)
	case errors.Is(err, sendstream.ErrRestarted):
		return failure(codeBadStream, control.ExitTransfer, "the process was frozen, which spoilt the stream: %v.", err).Fact("send it again")
	}
	return err
}

// printSent says what was sent: on stderr if the stream is on stdout.
func (s *session) printSent(a sent) error {
	if s.text("file") == "" {
		if s.quiet {
			return nil
		}
		s.out = s.err
	}
	if s.json {
		return s.encode("debug.send", a)
	}
	return s.say("✓ %s sent: %s, %s in %s", a.Snapshot, a.Kind, s.units.Size(a.Bytes), control.Duration(time.Duration(a.TookMS)*time.Millisecond))
}
