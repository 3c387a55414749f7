package sendstream

import "fmt"

// Type is the kind of a command, enum btrfs_send_cmd of fs/btrfs/send.h.
type Type uint16

// The commands of version 1, and from CmdFallocate on those of version 2.
const (
	CmdSubvol       Type = 1
	CmdSnapshot     Type = 2
	CmdMkfile       Type = 3
	CmdMkdir        Type = 4
	CmdMknod        Type = 5
	CmdMkfifo       Type = 6
	CmdMksock       Type = 7
	CmdSymlink      Type = 8
	CmdRename       Type = 9
	CmdLink         Type = 10
	CmdUnlink       Type = 11
	CmdRmdir        Type = 12
	CmdSetXattr     Type = 13
	CmdRemoveXattr  Type = 14
	CmdWrite        Type = 15
	CmdClone        Type = 16
	CmdTruncate     Type = 17
	CmdChmod        Type = 18
	CmdChown        Type = 19
	CmdUtimes       Type = 20
	CmdEnd          Type = 21
	CmdUpdateExtent Type = 22
	CmdFallocate    Type = 23
	CmdFileattr     Type = 24
	CmdEncodedWrite Type = 25
)

const typeCount = int(CmdEncodedWrite) + 1

var typeNames = [typeCount]string{
	CmdSubvol: "subvol", CmdSnapshot: "snapshot",
	CmdMkfile: "mkfile", CmdMkdir: "mkdir", CmdMknod: "mknod", CmdMkfifo: "mkfifo", CmdMksock: "mksock",
	CmdSymlink: "symlink", CmdRename: "rename", CmdLink: "link", CmdUnlink: "unlink", CmdRmdir: "rmdir",
	CmdSetXattr: "set_xattr", CmdRemoveXattr: "remove_xattr",
	CmdWrite: "write", CmdClone: "clone", CmdTruncate: "truncate",
	CmdChmod: "chmod", CmdChown: "chown", CmdUtimes: "utimes",
	CmdEnd: "end", CmdUpdateExtent: "update_extent",
	CmdFallocate: "fallocate", CmdFileattr: "fileattr", CmdEncodedWrite: "encoded_write",
}

// String returns the name btrfs-progs uses, "encoded_write", or "command 77" of
// an unknown one.
func (t Type) String() string {
	if t.known() {
		return typeNames[t]
	}
	return fmt.Sprintf("command %d", uint16(t))
}

func (t Type) known() bool { return t >= CmdSubvol && t <= CmdEncodedWrite }
