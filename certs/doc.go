// Package certs says who an appliance is and proves it to others: the identity
// key, the ID made from it, the TLS configurations that admit nobody else, the
// invites by which two appliances first meet, and the signed records that say who
// belongs to a mesh.
//
// A [Record] is one such statement, a [RecordSet] the union of all that were
// heard, and [Fold] makes the [Membership] from a set and the [Decisions] of this
// appliance. [Brake] makes decisions: which removals wait for a person.
//
// Wall clocks play no part: certificates are valid from 1970 to 9999 and only
// their public key is read; the times in records are for people. The key file is
// the one thing this package reads or writes. All but a [RecordSet] that is being
// added to is safe for concurrent use.
package certs
