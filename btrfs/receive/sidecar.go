package receive

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
)

const (
	sidecarSchema = 1
	maxSidecar    = 64 << 10 // bytes read of one
)

// Sidecar is the file snapshot.json beside the data of a committed snapshot: all
// that must be known of it when every database is lost. Schema 1 only ever gains
// fields.
type Sidecar struct {
	Schema      int        `json:"schema"`
	Source      string     `json:"source"` // appliance ID
	SourceName  string     `json:"source_name"`
	Share       string     `json:"share"`
	ShareUUID   btrfs.UUID `json:"share_uuid"`
	Task        string     `json:"task"`
	Run         uint64     `json:"run"`
	Snapshot    btrfs.UUID `json:"snapshot"` // UUID at the source
	CTransID    uint64     `json:"ctransid"` // at the source
	Parent      btrfs.UUID `json:"parent"`   // zero: received in full
	Taken       time.Time  `json:"taken"`    // UTC, the source's clock
	Received    time.Time  `json:"received"` // UTC, this machine's clock, but later than that of every snapshot committed before
	StreamBytes int64      `json:"stream_bytes"`

	ResumedBytes int64 `json:"resumed_bytes,omitempty"` // of StreamBytes, applied before the last attempt and not sent again
}

func (s *Sidecar) identity() Identity {
	return Identity{Snapshot: s.Snapshot, CTransID: s.CTransID, Parent: s.Parent}
}

// sidecar describes what a run received.
func (s *Spec) sidecar(streamBytes int64, received time.Time) Sidecar {
	return Sidecar{
		Schema: sidecarSchema,
		Source: s.Source, SourceName: s.SourceName, Share: s.Share, ShareUUID: s.ShareUUID,
		Task: s.Task, Run: s.Run,
		Snapshot: s.Snapshot, CTransID: s.CTransID, Parent: s.Parent,
		Taken: s.Taken.UTC(), Received: received.UTC(), StreamBytes: streamBytes,
		ResumedBytes: s.From.Bytes,
	}
}

// check judges a sidecar read from disk.
func (s *Sidecar) check() error {
	if s.Schema != sidecarSchema {
		return fmt.Errorf("schema is %d, want %d", s.Schema, sidecarSchema)
	}
	if err := checkID(s.Source); err != nil {
		return fmt.Errorf("source: %w", err)
	}
	if s.Share == "" || s.Snapshot.IsZero() {
		return errors.New("share or snapshot is missing")
	}
	return nil
}

// writeSidecar makes the sidecar in dir and does not sync it.
func writeSidecar(dir *os.File, s *Sidecar) error {
	text, err := json.MarshalIndent(s, "", "\t")
	if err != nil {
		return fmt.Errorf("encode %s: %w", sidecarName, err)
	}
	fd, err := unix.Openat(int(dir.Fd()), sidecarName, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, newFileMode)
	if err != nil {
		return fmt.Errorf("create %s: %w", sidecarName, err)
	}
	file := os.NewFile(uintptr(fd), sidecarName)
	_, err = file.Write(append(text, '\n'))
	return errors.Join(err, file.Close())
}

// writeOutSidecar brings the content of the sidecar to disk, and as a rule nothing
// else; its name comes with the next transaction. dir was opened before it was
// written.
func writeOutSidecar(dir *os.File) error {
	file, err := openRegular(dir, sidecarName, unix.O_RDONLY)
	if err != nil {
		return err
	}
	defer release(file)
	var st unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &st); err != nil {
		return fmt.Errorf("stat %s: %w", sidecarName, err)
	}
	btrfs.WriteOutFile(file)
	lost, err := missing(dir, 0, []stretch{{st.Ino, 0, st.Size}})
	if err != nil || len(lost) == 0 {
		return err
	}
	return btrfs.SyncFS(dir)
}

// readSidecar reads and judges the sidecar in dir.
func readSidecar(dir *os.File) (Sidecar, error) {
	file, err := openRegular(dir, sidecarName, unix.O_RDONLY)
	if err != nil {
		return Sidecar{}, err
	}
	defer release(file)
	text, err := io.ReadAll(io.LimitReader(file, maxSidecar))
	if err != nil {
		return Sidecar{}, fmt.Errorf("read %s: %w", sidecarName, err)
	}
	var s Sidecar
	if err := json.Unmarshal(text, &s); err != nil {
		return Sidecar{}, fmt.Errorf("decode %s: %w", sidecarName, err)
	}
	if err := s.check(); err != nil {
		return Sidecar{}, fmt.Errorf("%s: %w", sidecarName, err)
	}
	return s, nil
}
