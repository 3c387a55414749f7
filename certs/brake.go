package certs

// Verdict is what [Brake] decides about a batch of records. Both lists ascend.
type Verdict struct {
	Held    []RecordHash // revocations that must not count before a person approves
	Vouched []RecordHash // revocations by members, for [Decisions]
	Holds   []Hold       // why, for the person; one for each issuer
}

// Hold says what one issuer tried.
type Hold struct {
	Issuer   ID
	Records  []RecordHash // held now, ascending
	Subjects []ID         // whom these revoke, ascending
	Loses    []ID         // members that would be out through the issuer, ascending
	Members  int          // of how many
}

// Brake decides what to make of a batch that is about to join the set before.
func Brake(before *RecordSet, batch []Record, d Decisions) Verdict { return Verdict{} }
