// Package sendstream reads, checks, relays and writes btrfs send streams.
//
// It does no I/O but through the io.Reader and io.Writer it is given, and trusts
// nothing it reads: a command is handed out only when its checksum, its set of
// attributes and every value in it are what a kernel could have sent. What needs
// a file system to be judged (does the parent exist, is this path a regular
// file) is left to the receiver.
//
// The format is that of fs/btrfs/send.h and send.c of Linux, versions 1 and 2:
//
//	stream    magic "btrfs-stream\0", u32 version, commands
//	command   u32 payload length, u16 type, u32 CRC32C, attributes
//	attribute u16 type, u16 length, value
//
// All integers are little endian. The CRC covers the command with its own field
// taken as zero, starts at zero and is not inverted. From version 2 on the DATA
// attribute has no length: it is the last one and takes the rest of the command.
package sendstream
