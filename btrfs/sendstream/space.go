package sendstream

// punchesHole is FALLOC_FL_PUNCH_HOLE of linux/falloc.h.
const punchesHole = 2

// space is how many bytes the command may take on the disk: its own, if it leaves
// content, an inode, a name or an attribute that was not there, and what it sets
// aside. Removing, renaming and changing take nothing, however often.
func (c *Command) space() uint64 {
	switch c.Type {
	case CmdMkfile, CmdMkdir, CmdMknod, CmdMkfifo, CmdMksock, CmdSymlink, CmdLink, CmdSetXattr,
		CmdWrite, CmdClone, CmdUpdateExtent, CmdEncodedWrite:
		return uint64(c.Size)
	case CmdFallocate:
		if c.FallocateMode&punchesHole != 0 {
			return 0
		}
		return c.Length
	case CmdSubvol, CmdSnapshot, CmdRename, CmdUnlink, CmdRmdir, CmdRemoveXattr,
		CmdTruncate, CmdChmod, CmdChown, CmdUtimes, CmdFileattr, CmdEnd:
	}
	return 0
}
