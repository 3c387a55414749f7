package certs

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
)

// GenesisBody is what a genesis record states: who founded the mesh.
type GenesisBody struct {
	Founder ID
	Key     ed25519.PublicKey
	Name    string // of the founder then
}

// AdmitBody is what an admit record states: the issuer lets the subject in.
type AdmitBody struct {
	Subject  ID
	Key      ed25519.PublicKey // of the subject
	Name     string            // of the subject then
	InviteID [5]byte           // the issuer's invite that was redeemed
	Instance [16]byte          // the subject's installation, to notice clones
}

// RevokeBody is what a revoke record states: the subject is out for ever.
type RevokeBody struct {
	Subject ID
	Reason  Reason
	Keeps   []RecordHash // admissions by the subject that stay good, ascending
}

// Description is what an appliance says about itself. Of all its descriptions
// the one with the highest Seq counts. It authorises nothing.
type Description struct {
	Seq         uint64
	Name        string
	Addresses   []string // host:port, at most 16 of at most 255 bytes each
	Port        uint16   // the UDP port it listens on; 0: not said
	Version     string   // of btrmesh, printable ASCII, at most 64 bytes
	ProtocolMin uint16
	ProtocolMax uint16   // not below ProtocolMin
	Instance    [16]byte // made with the state directory, to notice clones
	Boots       uint64   // starts of that installation
}

// Limits of what a description lists.
const (
	addressesMax   = 16
	addressSize    = 255 // bytes
	versionSize    = 64  // bytes
	keepsPerRecord = 24  // as many as fit into recordSize
)

// clone returns a body that shares no memory with b.
func (b AdmitBody) clone() AdmitBody {
	b.Key = bytes.Clone(b.Key)
	return b
}

func (b GenesisBody) clone() GenesisBody {
	b.Key = bytes.Clone(b.Key)
	return b
}

func (b RevokeBody) clone() RevokeBody {
	b.Keeps = slices.Clone(b.Keeps)
	return b
}

func (d Description) clone() Description {
	d.Addresses = slices.Clone(d.Addresses)
	return d
}

func (b RevokeBody) check(issuer ID) error {
	switch {
	case b.Subject.IsZero():
		return errors.New("no subject")
	case b.Reason == 0:
		return errors.New("no reason")
	case b.Reason == Left && b.Subject != issuer:
		return fmt.Errorf("%s cannot leave in place of %s", issuer.Short(), b.Subject.Short())
	case !slices.IsSortedFunc(b.Keeps, RecordHash.Compare):
		return errors.New("keeps are not in order")
	}
	return nil
}

func (d Description) check() error {
	if err := CheckName(d.Name); err != nil {
		return err
	}
	if len(d.Addresses) > addressesMax {
		return fmt.Errorf("%d addresses, the most is %d", len(d.Addresses), addressesMax)
	}
	for _, a := range d.Addresses {
		if err := checkAddress(a); err != nil {
			return err
		}
	}
	if d.ProtocolMin > d.ProtocolMax {
		return fmt.Errorf("protocols from %d to %d", d.ProtocolMin, d.ProtocolMax)
	}
	return checkVersion(d.Version)
}

func checkVersion(version string) error {
	if len(version) > versionSize {
		return fmt.Errorf("version of %d bytes, the most is %d", len(version), versionSize)
	}
	for i := range len(version) {
		if c := version[i]; c < ' ' || c > '~' {
			return fmt.Errorf("version %q is not printable ASCII", version)
		}
	}
	return nil
}
