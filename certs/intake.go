package certs

import "fmt"

// What a [RecordSet] takes in at most. A mesh of 1000 appliances has about
// 2000 records of 300 bytes. One issuer fills no more than a quarter, so that
// the records of others still come in. The last quarter is for revocations
// alone, and one issuer gets little of it: whoever floods can be removed.
const (
	issuerRecords = 4096    // records of one issuer
	issuerBytes   = 1 << 20 // bytes of one issuer
	setBytes      = 4 << 20 // bytes in all
	reserveBytes  = 1 << 20 // bytes of these for revocations alone
	issuerReserve = 64 << 10
	waitingBytes  = 256 << 10 // bytes of records whose issuer is unknown
)

// IntakeError says that a set refused records because it is full.
type IntakeError struct {
	Issuer ID
	Limit  string // which: "records of one issuer", "bytes of one issuer", "bytes in all"
	Max    int    // its value
}

// Error implements error.
func (e *IntakeError) Error() string {
	return fmt.Sprintf("take in records of %s: more than %d %s", e.Issuer.Short(), e.Max, e.Limit)
}

// MeshError says that a record is of another mesh.
type MeshError struct {
	Got  MeshID
	Want MeshID // zero: the set has none yet, and the record is no genesis
}

// Error implements error.
func (e *MeshError) Error() string {
	if e.Want.IsZero() {
		return fmt.Sprintf("take in record of mesh %s: no genesis before it", e.Got.Short())
	}
	return fmt.Sprintf("take in record: of mesh %s instead of %s", e.Got.Short(), e.Want.Short())
}

// usage is what one issuer takes up in a set.
type usage struct {
	records  int
	bytes    int
	reserved int // bytes of these in the reserve
}

// admit returns u with a record of size bytes in it that replaces one of
// replaced bytes (0: none), where the set holds total bytes before. It returns
// the name and value of the limit that stands against it.
func (u usage) admit(kind RecordKind, size, replaced, total int) (after usage, limit string, most int) {
	if replaced == 0 {
		u.records++
	}
	u.bytes += size - replaced
	total += size - replaced
	switch {
	case u.records > issuerRecords:
		return u, "records of one issuer", issuerRecords
	case u.bytes > issuerBytes:
		return u, "bytes of one issuer", issuerBytes
	case total <= setBytes-reserveBytes:
		return u, "", 0
	}
	u.reserved += size
	if kind != Revoke || u.reserved > issuerReserve || total > setBytes {
		return u, "bytes in all", setBytes
	}
	return u, "", 0
}
