package certs

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"slices"
	"time"
)

// Genesis founds a mesh with this appliance, called name, as its first member.
// No two are of the same mesh.
func (i *Identity) Genesis(name string, at time.Time) (Record, error) {
	p := genesisPayload{header: i.header(Genesis, MeshID{}, at), Name: name}
	if _, err := rand.Read(p.Nonce[:]); err != nil {
		return Record{}, fmt.Errorf("sign genesis: %w", err)
	}
	return i.sign(p.header, p)
}

// Revoke takes subject out of the mesh for ever. Of what the subject admitted,
// the records in keeps stay good; as about two dozen fit into one record, there
// may be several, which belong together. Reason is [Left] exactly if the subject
// is this appliance.
func (i *Identity) Revoke(mesh MeshID, subject ID, reason Reason, keeps []RecordHash, at time.Time) ([]Record, error) {
	keeps = slices.Clone(keeps)
	slices.SortFunc(keeps, RecordHash.Compare)
	keeps = slices.Compact(keeps)
	var records []Record
	for len(records) == 0 || len(keeps) > 0 {
		n := min(len(keeps), keepsPerRecord)
		p := revokePayload{header: i.header(Revoke, mesh, at), Subject: subject, Reason: reason, Keeps: keeps[:n]}
		r, err := i.sign(p.header, p)
		if err != nil {
			return nil, err
		}
		records, keeps = append(records, r), keeps[n:]
	}
	return records, nil
}

// Describe states what this appliance says about itself. It fails if d is out
// of bounds or does not fit into a record (1 KiB): fewer addresses help.
func (i *Identity) Describe(mesh MeshID, d Description, at time.Time) (Record, error) {
	p := describePayload{
		header: i.header(Describe, mesh, at),
		Seq:    d.Seq, Name: d.Name, Addresses: d.Addresses, Port: d.Port, Version: d.Version,
		ProtocolMin: d.ProtocolMin, ProtocolMax: d.ProtocolMax, Instance: d.Instance, Boots: d.Boots,
	}
	return i.sign(p.header, p)
}

func (i *Identity) header(kind RecordKind, mesh MeshID, at time.Time) header {
	return header{
		Version: recordVersion, Kind: kind, Mesh: mesh, Issuer: key32(publicKey(i.held.key)),
		At: min(max(at.UnixMilli(), 0), timeMax),
	}
}

// sign makes a record of a payload that nobody else has to sign. It goes
// through the same checks as a foreign one.
func (i *Identity) sign(h header, payload any) (Record, error) {
	raw, err := i.seal(h, payload)
	if err != nil {
		return Record{}, fmt.Errorf("sign %s: %w", h.Kind, err)
	}
	r, err := ParseRecord(raw)
	if err != nil {
		return Record{}, fmt.Errorf("sign %s: %w", h.Kind, err)
	}
	return r, nil
}

func (i *Identity) seal(h header, payload any) ([]byte, error) {
	b, err := encodeRecord(payload)
	if err != nil {
		return nil, err
	}
	return envelope{payload: b, signature: i.Sign(signedMessage(h.Mesh, b))}.seal()
}

// Admit lets subject into the mesh under a name, once it consents. Invite and
// instance are those of the pairing.
func (i *Identity) Admit(mesh MeshID, subject ed25519.PublicKey, name string, invite [5]byte, instance [16]byte, at time.Time) (Admission, error) {
	if len(subject) != ed25519.PublicKeySize {
		return Admission{}, fmt.Errorf("sign admit: key of %d bytes", len(subject))
	}
	p := admitPayload{header: i.header(Admit, mesh, at), Name: name, InviteID: invite, Instance: instance}
	key := key32(subject)
	p.Cosigner = &key
	raw, err := i.seal(p.header, p)
	if err != nil {
		return Admission{}, fmt.Errorf("sign admit: %w", err)
	}
	a, err := ParseAdmission(raw)
	if err != nil {
		return Admission{}, fmt.Errorf("sign admit: %w", err)
	}
	return a, nil
}

// Consent returns this appliance's signature under an admission of itself. It
// fails if the admission is of another.
func (i *Identity) Consent(a Admission) ([64]byte, error) {
	if a.body.Subject != i.id {
		return [64]byte{}, fmt.Errorf("consent: the admission is of %s", a.body.Subject.Short())
	}
	return [64]byte(i.Sign(consentMessage(a.record.head.Mesh, a.record.hash))), nil
}
