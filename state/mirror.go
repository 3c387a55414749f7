package state

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/fxamacker/cbor/v2"
)

// Mirror keeps the membership records a second time, in one small file beside the
// store: with it and the identity an appliance that lost its store is a member of
// its mesh still. One goroutine at a time may use it.
//
// The file is "btrmesh members 1\n", the SHA-256 of what follows, and a CBOR array
// of byte strings, the records as they were received. It is replaced as a whole.
type Mirror struct{ path string }

const (
	mirrorMagic = "btrmesh members 1\n"
	mirrorMost  = 5 << 20 // bytes; certs takes in 4 MiB of records
)

// NewMirror returns the mirror in the file at path, which need not exist. Its
// directory must be the owner's alone.
func NewMirror(path string) *Mirror { return &Mirror{path: path} }

// Save replaces what is mirrored. When it returns nil, that is on disk.
func (m *Mirror) Save(records [][]byte) error {
	body, err := cbor.Marshal(records)
	if err != nil {
		return fmt.Errorf("mirror members: %w", err)
	}
	sum := sha256.Sum256(body)
	if err := replaceFile(m.path, slices.Concat([]byte(mirrorMagic), sum[:], body)); err != nil {
		return fmt.Errorf("mirror members: %w", err)
	}
	return nil
}

// Load returns what is mirrored: nothing if there is no file. What is damaged is
// an error; the records in it may be anything.
func (m *Mirror) Load() ([][]byte, error) {
	file, err := os.Open(m.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read mirrored members: %w", err)
	}
	defer file.Close() //nolint:errcheck // opened for reading
	text, err := io.ReadAll(io.LimitReader(file, mirrorMost+1))
	if err != nil {
		return nil, fmt.Errorf("read mirrored members: %w", err)
	}
	records, err := parseMirror(text)
	if err != nil {
		return nil, fmt.Errorf("read mirrored members: %s: %w", m.path, err)
	}
	return records, nil
}

func parseMirror(text []byte) ([][]byte, error) {
	rest, ok := bytes.CutPrefix(text, []byte(mirrorMagic))
	if !ok || len(rest) < sha256.Size || len(text) > mirrorMost {
		return nil, errors.New("not such a file")
	}
	sum, body := rest[:sha256.Size], rest[sha256.Size:]
	if have := sha256.Sum256(body); !bytes.Equal(have[:], sum) {
		return nil, errors.New("damaged: the checksum differs")
	}
	var records [][]byte
	if err := cbor.Unmarshal(body, &records); err != nil {
		return nil, err
	}
	return records, nil
}

// replaceFile puts content at path, wholly or not at all, and on disk.
func replaceFile(path string, content []byte) (err error) {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name()) // the error says more
		}
	}()
	_, err = file.Write(content)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err = os.Rename(file.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}
