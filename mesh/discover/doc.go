// Package discover announces an appliance on the local network, and finds
// others, by multicast DNS (RFC 6762, RFC 6763). It is presence only: whoever
// is on the network can claim anything, so nobody is trusted because of it, and
// what is found is of use to a person who pairs, who then proves the rest.
//
//	Announce ──► one mdns server per interface, the same zone on each
//	Find     ──► rounds of one question per interface and IP version
//	parse        the only way in: an entry of the network becomes a Found or nothing
//
// The mdns library ends its goroutines soon after, not before, its sockets are
// closed; nothing of them is left a moment later.
package discover
