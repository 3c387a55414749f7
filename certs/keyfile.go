package certs

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// What LoadIdentity refuses. The text around them says what to do.
var (
	// ErrMode: others than the owner may read or write the key file.
	ErrMode = errors.New("key file is open to others")
	// ErrOwner: the key file belongs to another user.
	ErrOwner = errors.New("key file belongs to another user")
	// ErrKeyFile: the file is not a whole identity key, or not the one it says.
	ErrKeyFile = errors.New("not a valid identity key")
)

const (
	pemType     = "PRIVATE KEY" // PKCS #8, RFC 7468 section 10
	pemID       = "Appliance"   // header: the ID, so that a damaged key is noticed
	keyFileSize = 4096          // bytes; ours has about 200
)

// CreateIdentity makes a key and stores it in the new file path, mode 0600, as
// PEM of PKCS #8 with a header that repeats the appliance's ID. When it returns,
// file and directory are on disk; a crash before leaves no file of that name. The
// error wraps [fs.ErrExist] if there is one already, which is never replaced.
func CreateIdentity(path string) (*Identity, error) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, fmt.Errorf("create identity: %w", err)
	}
	i, err := newIdentity(key)
	if err != nil {
		return nil, fmt.Errorf("create identity: %w", err)
	}
	text, err := encodeKey(i)
	if err != nil {
		return nil, fmt.Errorf("create identity: %w", err)
	}
	if err := storeNew(path, text); err != nil {
		return nil, fmt.Errorf("create identity: %w", err)
	}
	return i, nil
}

// LoadIdentity reads the key [CreateIdentity] stored. The error wraps
// [fs.ErrNotExist], [ErrMode], [ErrOwner] or [ErrKeyFile]. The file belongs to
// the effective user of the process.
func LoadIdentity(path string) (*Identity, error) {
	text, err := readPrivate(path)
	if err != nil {
		return nil, fmt.Errorf("load identity: %w", err)
	}
	i, err := decodeKey(text)
	if err != nil {
		return nil, fmt.Errorf("load identity: %s: %w", path, err)
	}
	return i, nil
}

func encodeKey(i *Identity) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(i.held.key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{
		Type: pemType, Headers: map[string]string{pemID: i.id.String()}, Bytes: der,
	}), nil
}

// decodeKey is the reverse of encodeKey and accepts nothing else. Its errors
// never quote the text.
func decodeKey(text []byte) (*Identity, error) {
	block, rest := pem.Decode(text)
	if block == nil || block.Type != pemType || len(bytes.TrimSpace(rest)) != 0 {
		return nil, fmt.Errorf("%w: not one PEM block %q", ErrKeyFile, pemType)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(ed25519.PrivateKey)
	if err != nil || !ok {
		return nil, fmt.Errorf("%w: not an Ed25519 key", ErrKeyFile)
	}
	i, err := newIdentity(key)
	if err != nil {
		return nil, err
	}
	if said, err := ParseID(block.Headers[pemID]); err != nil || said != i.id {
		return nil, fmt.Errorf("%w: its key is of %s, its header is not", ErrKeyFile, i.id.Short())
	}
	return i, nil
}

// readPrivate returns the content of a small file only its owner may touch.
func readPrivate(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // nothing was written
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := checkPrivate(path, info); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, keyFileSize+1))
	if err == nil && len(text) > keyFileSize {
		err = fmt.Errorf("%s: %w: longer than %d bytes", path, ErrKeyFile, keyFileSize)
	}
	return text, err
}

func checkPrivate(path string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s: %w: not a regular file", path, ErrKeyFile)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("%s: %w (mode %04o): chmod 600 %s", path, ErrMode, mode, path)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int64(stat.Uid) != int64(os.Geteuid()) {
		return fmt.Errorf("%s: %w: chown %d %s", path, ErrOwner, os.Geteuid(), path)
	}
	return nil
}

// storeNew writes a file that appears under path complete or not at all, and
// never in place of another: it is linked there once its content is on disk.
func storeNew(path string, text []byte) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Link(f.Name(), path)
	}
	return errors.Join(err, os.Remove(f.Name()), syncDir(dir))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
