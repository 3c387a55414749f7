// Package gossip tells which members of the mesh answer, and carries signed
// membership records to all of them. It runs memberlist (SWIM with Lifeguard's
// suspicion) over packets and streams that the network has authenticated:
// members are addressed by ID, never by IP address.
//
// Whom memberlist asks next is chance. From six members on each also watches its
// neighbours in a ring, so that none that stopped is shown as living for long.
//
// What it says is a hint. Any member can lie about another, so nothing is
// authorised, deleted or trusted because of it. Records are spread here and
// judged elsewhere.
//
// A record travels three ways. Broadcast hands it to all that answer within a
// second or two; it may be lost. Every answer to a probe and every exchange of
// state carries the digest of the records, and members that differ synchronise.
// So a record that everyone missed but one still reaches all.
package gossip
