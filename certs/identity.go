package certs

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"time"
)

// Identity is the key of this appliance and what follows from it. Printing it
// shows the short ID and no secret.
type Identity struct {
	id   ID
	held *held
}

// held is what never leaves the process.
type held struct {
	key         ed25519.PrivateKey
	certificate tls.Certificate
	reset       [32]byte
	token       [32]byte
}

func newIdentity(key ed25519.PrivateKey) (*Identity, error) {
	h := &held{key: key}
	var err error
	if h.certificate, err = selfSigned(key); err != nil {
		return nil, err
	}
	if h.reset, err = derive(key, "btrmesh/quic/stateless-reset/v1"); err != nil {
		return nil, err
	}
	if h.token, err = derive(key, "btrmesh/quic/token/v1"); err != nil {
		return nil, err
	}
	return &Identity{id: IDOf(publicKey(key)), held: h}, nil
}

// ID returns the appliance's ID.
func (i *Identity) ID() ID { return i.id }

// PublicKey returns the key others know the appliance by; the caller owns it.
func (i *Identity) PublicKey() ed25519.PublicKey {
	return append(ed25519.PublicKey(nil), publicKey(i.held.key)...)
}

// Sign returns the Ed25519 signature of message. TLS signs with the same key,
// so message begins with a prefix of its own purpose.
func (i *Identity) Sign(message []byte) []byte { return ed25519.Sign(i.held.key, message) }

// ResetKey is for QUIC's stateless resets. It is the same after every start, so
// that peers of a restarted appliance notice at once.
func (i *Identity) ResetKey() [32]byte { return i.held.reset }

// TokenKey is for QUIC's address tokens; the same after every start.
func (i *Identity) TokenKey() [32]byte { return i.held.token }

// Format implements [fmt.Formatter]. Without it %s would print all that is held.
func (i Identity) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "identity of "+i.id.Short()) }

// LogValue implements [slog.LogValuer] with the ID.
func (i Identity) LogValue() slog.Value { return slog.StringValue(i.id.String()) }

func publicKey(key ed25519.PrivateKey) ed25519.PublicKey {
	return ed25519.PublicKey(key[ed25519.SeedSize:]) // RFC 8032: seed ‖ public key
}

func derive(key ed25519.PrivateKey, purpose string) ([32]byte, error) {
	b, err := hkdf.Key(sha256.New, key.Seed(), nil, purpose, 32)
	if err != nil {
		return [32]byte{}, fmt.Errorf("derive key for %s: %w", purpose, err)
	}
	return [32]byte(b), nil
}

// selfSigned wraps key in the certificate TLS insists on. It outlives every
// clock, since nothing in it but the key is ever read.
func selfSigned(key ed25519.PrivateKey) (tls.Certificate, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Unix(0, 0),
		NotAfter:     time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make own certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make own certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}
