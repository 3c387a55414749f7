package gossip

// MaxRecord is the size of the largest record that is broadcast, in bytes.
const MaxRecord = 1024

// MaxPacket is the size of the largest packet this package sends, in bytes.
// It fits into a QUIC datagram before the path is probed (1243 bytes).
const MaxPacket = 1200
