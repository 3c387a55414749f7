// Package certs says who an appliance is and proves it to others: the identity
// key, the ID made from it, the TLS configurations that admit nobody else, and
// the invites by which two appliances first meet.
//
// Wall clocks play no part: certificates are valid from 1970 to 9999 and only
// their public key is read. The key file is the one thing this package reads or
// writes. Everything here is safe for concurrent use.
package certs
