package certs

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestStoredIdentityIsLoadedAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "identity.key")
	made, err := CreateIdentity(path)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := LoadIdentity(path)
	if err != nil {
		t.Fatal(err)
	}
	if made.ID() != loaded.ID() || made.ResetKey() != loaded.ResetKey() || made.ID().IsZero() {
		t.Errorf("made %s, loaded %s", made.ID(), loaded.ID())
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	wantFiles(t, filepath.Dir(path), 1)
}

func wantFiles(t *testing.T, dir string, n int) {
	t.Helper()
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != n {
		t.Errorf("%d files are there, want %d: %v, %v", len(entries), n, entries, err)
	}
}

func TestIdentityIsNeverReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "identity.key")
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := CreateIdentity(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("CreateIdentity = %v", err)
	}
	if text, err := os.ReadFile(path); string(text) != "mine" || err != nil {
		t.Errorf("the file now reads %q, %v", text, err)
	}
	wantFiles(t, filepath.Dir(path), 1)
}

func TestOneOfManyCreatorsWins(t *testing.T) {
	path := filepath.Join(t.TempDir(), "identity.key")
	made := make([]*Identity, 8)
	var wg sync.WaitGroup
	for n := range made {
		wg.Go(func() { made[n], _ = CreateIdentity(path) })
	}
	wg.Wait()
	loaded, err := LoadIdentity(path)
	if err != nil {
		t.Fatal(err)
	}
	winners := 0
	for _, i := range made {
		if i != nil && i.ID() == loaded.ID() {
			winners++
		} else if i != nil {
			t.Errorf("%s believes it is stored, %s is", i.ID(), loaded.ID())
		}
	}
	if winners != 1 {
		t.Errorf("%d creators won", winners)
	}
	wantFiles(t, filepath.Dir(path), 1)
}

func TestMissingIdentityAndDirectoryAreNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none", "identity.key")
	if _, err := LoadIdentity(path); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("LoadIdentity = %v", err)
	}
	if _, err := CreateIdentity(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("CreateIdentity = %v", err)
	}
}

func TestKeyOpenToOthersIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "identity.key")
	if _, err := CreateIdentity(path); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o777} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := LoadIdentity(path)
		if !errors.Is(err, ErrMode) || !strings.Contains(err.Error(), "chmod 600 "+path) {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	for _, mode := range []os.FileMode{0o600, 0o400} {
		if err := errors.Join(os.Chmod(path, mode), func() error { _, err := LoadIdentity(path); return err }()); err != nil {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
}

// owned is a private regular file of some user.
type owned struct{ uid int }

func (owned) Name() string       { return "identity.key" }
func (owned) Size() int64        { return 200 }
func (owned) Mode() fs.FileMode  { return 0o600 }
func (owned) ModTime() time.Time { return time.Time{} }
func (owned) IsDir() bool        { return false }
func (o owned) Sys() any         { return &syscall.Stat_t{Uid: uint32(o.uid)} }

func TestKeyOfAnotherUserIsRefused(t *testing.T) {
	if err := checkPrivate("key", owned{os.Geteuid()}); err != nil {
		t.Error(err)
	}
	err := checkPrivate("key", owned{os.Geteuid() + 1})
	if !errors.Is(err, ErrOwner) || !strings.Contains(err.Error(), "chown") {
		t.Errorf("another user's key: %v", err)
	}
}

func TestDirectoryIsNoKey(t *testing.T) {
	if _, err := LoadIdentity(t.TempDir()); !errors.Is(err, ErrKeyFile) {
		t.Errorf("LoadIdentity = %v", err)
	}
}

func TestEveryDamagedByteOfAKeyIsNoticed(t *testing.T) {
	i := stranger(t)
	text, err := encodeKey(i)
	if err != nil {
		t.Fatal(err)
	}
	for at := range text {
		for bit := range 8 {
			damaged := bytes.Clone(text)
			damaged[at] ^= 1 << bit
			got, err := decodeKey(damaged)
			if err == nil && got.ID() != i.ID() {
				t.Fatalf("byte %d, bit %d: loaded as %s", at, bit, got.ID())
			}
			if err != nil && !errors.Is(err, ErrKeyFile) {
				t.Fatalf("byte %d, bit %d: %v", at, bit, err)
			}
		}
	}
	for size := range text[:len(text)-1] {
		if _, err := decodeKey(text[:size]); !errors.Is(err, ErrKeyFile) {
			t.Fatalf("first %d bytes: %v", size, err)
		}
	}
}

func TestOtherKeysAreRefused(t *testing.T) {
	mine, theirs := stranger(t), stranger(t)
	for name, text := range map[string][]byte{
		"empty":           nil,
		"zeros":           make([]byte, 200),
		"two keys":        append(mustEncode(t, mine), mustEncode(t, theirs)...),
		"too long":        append(mustEncode(t, mine), bytes.Repeat([]byte("\n"), keyFileSize)...),
		"ECDSA":           ecdsaPEM(t, mine.ID()),
		"without ID":      bytes.Replace(mustEncode(t, mine), []byte(pemID), []byte("Owner"), 1),
		"ID of another":   bytes.Replace(mustEncode(t, mine), []byte(mine.ID().String()), []byte(theirs.ID().String()), 1),
		"other PEM block": bytes.ReplaceAll(mustEncode(t, mine), []byte(pemType), []byte("PUBLIC KEY")),
	} {
		path := filepath.Join(t.TempDir(), "identity.key")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadIdentity(path); !errors.Is(err, ErrKeyFile) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func mustEncode(t *testing.T, i *Identity) []byte {
	t.Helper()
	text, err := encodeKey(i)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func ecdsaPEM(t *testing.T, id ID) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemType, Headers: map[string]string{pemID: id.String()}, Bytes: der})
}
