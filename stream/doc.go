// Package stream carries every byte that leaves the appliance: the QUIC
// endpoint, the wire messages, and the sessions, each one meta stream with
// data lanes beside it.
//
// It decides nothing about tasks, grants or storage. It proves who the peer
// is, moves bytes, bounds memory, and hands facts to a Handler.
//
// Two kinds of connection exist between members. The mesh connection, one per
// peer, carries greetings, membership records, queries, the meta streams, and
// the packets and streams of the gossip. Data connections, several per session
// and dialled by the source, carry lanes only, so that control never waits
// behind data. Either appliance may have dialled the mesh connection; in a
// session the source always leads.
//
// Where UDP gets no answer, a tunnel carries the packets of the mesh connection
// inside a TLS connection over TCP; lanes run over TCP anyway then.
package stream
