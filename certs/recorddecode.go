package certs

import (
	"bytes"
	"crypto/ed25519"
	"errors"
)

// decodeBody returns the checked body of a payload, nil if its kind is unknown.
// Fields that are unknown are passed over.
func decodeBody(h header, issuer ID, payload []byte) (any, error) {
	if known := h.Kind <= Describe; known && (h.Kind == Admit) != (h.Cosigner != nil) {
		return nil, errors.New("second key where none belongs, or none where one does")
	}
	switch h.Kind {
	case Genesis:
		return decodeGenesis(h, issuer, payload)
	case Admit:
		return decodeAdmit(h, issuer, payload)
	case Revoke:
		return decodeRevoke(issuer, payload)
	case Describe:
		return decodeDescribe(payload)
	default:
		return nil, nil
	}
}

func decodeGenesis(h header, issuer ID, payload []byte) (any, error) {
	var p genesisPayload
	if err := decodeRecord(payload, &p); err != nil {
		return nil, err
	}
	return GenesisBody{Founder: issuer, Key: h.Issuer.public(), Name: p.Name}, CheckName(p.Name)
}

func decodeAdmit(h header, issuer ID, payload []byte) (any, error) {
	var p admitPayload
	if err := decodeRecord(payload, &p); err != nil {
		return nil, err
	}
	b := AdmitBody{
		Subject: IDOf(h.Cosigner[:]), Key: h.Cosigner.public(), Name: p.Name,
		InviteID: p.InviteID, Instance: p.Instance,
	}
	if b.Subject == issuer {
		return nil, errors.New("it admits itself")
	}
	return b, CheckName(b.Name)
}

func decodeRevoke(issuer ID, payload []byte) (any, error) {
	var p revokePayload
	if err := decodeRecord(payload, &p); err != nil {
		return nil, err
	}
	b := RevokeBody{Subject: p.Subject, Reason: p.Reason, Keeps: p.Keeps}
	return b, b.check(issuer)
}

func decodeDescribe(payload []byte) (any, error) {
	var p describePayload
	if err := decodeRecord(payload, &p); err != nil {
		return nil, err
	}
	d := Description{
		Seq: p.Seq, Name: p.Name, Addresses: p.Addresses, Port: p.Port, Version: p.Version,
		ProtocolMin: p.ProtocolMin, ProtocolMax: p.ProtocolMax, Instance: p.Instance, Boots: p.Boots,
	}
	return d, d.check()
}

func (b key32) public() ed25519.PublicKey { return bytes.Clone(b[:]) }
