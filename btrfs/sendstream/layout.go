package sendstream

// layout is what the commands of one type carry.
type layout struct {
	attrs    []Attr // in the order of the kernel
	optional attrSet
	version  uint32               // first version with this command
	check    func(*Command) error // judges the values
}

// layouts follows the TLV_PUT calls of fs/btrfs/send.c. What no kernel is known
// to leave out is required.
var layouts = [typeCount]layout{
	CmdSubvol: {attrs: []Attr{AttrPath, AttrUUID, AttrCTransID}, check: checkSubvol},
	CmdSnapshot: {
		attrs: []Attr{AttrPath, AttrUUID, AttrCTransID, AttrCloneUUID, AttrCloneCTransID},
		check: checkSubvol,
	},
	CmdMkfile:  {attrs: []Attr{AttrPath, AttrIno}, check: checkEntry},
	CmdMkdir:   {attrs: []Attr{AttrPath, AttrIno}, check: checkEntry},
	CmdMknod:   {attrs: []Attr{AttrPath, AttrIno, AttrRdev, AttrMode}, check: checkMknod},
	CmdMkfifo:  {attrs: []Attr{AttrPath, AttrIno, AttrRdev, AttrMode}, optional: setOf(AttrRdev, AttrMode), check: checkMkfifo},
	CmdMksock:  {attrs: []Attr{AttrPath, AttrIno, AttrRdev, AttrMode}, optional: setOf(AttrRdev, AttrMode), check: checkMksock},
	CmdSymlink: {attrs: []Attr{AttrPath, AttrIno, AttrPathLink}, check: checkSymlink},
	CmdRename:  {attrs: []Attr{AttrPath, AttrPathTo}, check: checkRename},
	CmdLink:    {attrs: []Attr{AttrPath, AttrPathLink}, check: checkLink},
	CmdUnlink:  {attrs: []Attr{AttrPath}, check: checkEntry},
	CmdRmdir:   {attrs: []Attr{AttrPath}, check: checkEntry},

	CmdSetXattr:    {attrs: []Attr{AttrPath, AttrXattrName, AttrXattrData}, check: checkXattr},
	CmdRemoveXattr: {attrs: []Attr{AttrPath, AttrXattrName}, check: checkXattr},

	CmdWrite: {attrs: []Attr{AttrPath, AttrFileOffset, AttrData}, check: checkData},
	CmdClone: {
		attrs: []Attr{
			AttrFileOffset, AttrCloneLen, AttrPath,
			AttrCloneUUID, AttrCloneCTransID, AttrClonePath, AttrCloneOffset,
		},
		check: checkClone,
	},
	CmdTruncate: {attrs: []Attr{AttrPath, AttrSize}, check: checkTruncate},
	CmdChmod:    {attrs: []Attr{AttrPath, AttrMode}, check: checkChmod},
	CmdChown:    {attrs: []Attr{AttrPath, AttrUID, AttrGID}, check: checkChown},
	CmdUtimes: {
		attrs:    []Attr{AttrPath, AttrATime, AttrMTime, AttrCTime, AttrOTime},
		optional: setOf(AttrOTime),
		check:    checkUtimes,
	},
	CmdEnd:          {check: func(*Command) error { return nil }},
	CmdUpdateExtent: {attrs: []Attr{AttrPath, AttrFileOffset, AttrSize}, check: checkData},

	CmdFallocate: {
		attrs:   []Attr{AttrPath, AttrFallocateMode, AttrFileOffset, AttrSize},
		version: 2, check: checkFallocate,
	},
	CmdFileattr: {attrs: []Attr{AttrPath, AttrFileAttr}, version: 2, check: checkInode},
	CmdEncodedWrite: {
		attrs: []Attr{
			AttrPath, AttrFileOffset, AttrUnencodedFileLen, AttrUnencodedLen, AttrUnencodedOffset,
			AttrCompression, AttrEncryption, AttrData,
		},
		optional: setOf(AttrEncryption),
		version:  2, check: checkEncodedWrite,
	},
}

// allowed is what the command may carry in a stream of the given version.
func (l *layout) allowed(version uint32) attrSet {
	set := setOf(l.attrs...)
	if version < 2 {
		set &^= 1 << AttrOTime
	}
	return set
}

// required is what the command must carry.
func (l *layout) required() attrSet { return setOf(l.attrs...) &^ l.optional }
