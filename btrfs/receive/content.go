package receive

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
	"btrmesh/btrfs/sendstream"
)

// content puts data into files. It is used by one goroutine at a time.
type content struct {
	trail   trail
	decoder decoder
	ledger  ledger

	plain bool // this kernel or file system takes no encoded writes
}

// open opens the file that c is about. The result is valid until the next call
// for another path, and until the file is closed.
func (a *applier) open(c *sendstream.Command) (*openFile, error) {
	path := a.text(c.Path)
	if a.target.is(path) {
		return &a.target, nil
	}
	if err := a.leaveFile(); err != nil {
		return nil, err
	}
	s, err := a.dirs.spot(path)
	if err != nil {
		return nil, err
	}
	file, err := openRegular(s.dir.file, s.name, unix.O_RDWR)
	if err != nil {
		return nil, err
	}
	a.target = newOpenFile(path, file)
	return &a.target, nil
}

func (a *applier) write(c *sendstream.Command) error {
	file, err := a.open(c)
	if err != nil {
		return err
	}
	return a.put(file, c.Data, int64(c.FileOffset))
}

// put writes data at a byte of a file.
func (t *content) put(file *openFile, data []byte, at int64) error {
	if err := file.writeAt(data, at); err != nil {
		return err
	}
	if t.ledger.large {
		t.trace(file, at, at+int64(len(data)))
		return nil
	}
	inode, err := file.inode()
	if err != nil {
		return err
	}
	t.ledger.addPlain(stretch{inode, at, at + int64(len(data))})
	return nil
}

// trace notes what was written to a file, and hands a long piece over.
func (t *content) trace(file *openFile, from, to int64) {
	file.wrote(from, to)
	if p := file.fresh; p.to-p.from >= longPiece {
		fd, err := unix.FcntlInt(uintptr(file.fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return // later, then
		}
		t.trail.add(piece{fd, p.from, p.to})
		file.fresh.from = p.to
	}
}

// leaveFile is done with the file that is open, or that the rear has.
func (a *applier) leaveFile() error {
	a.rear.path = ""
	return a.leave(&a.target)
}

// leave closes a file, or lets the trail do so.
func (t *content) leave(file *openFile) error {
	if file.file != nil || file.fresh.to-file.fresh.from < shortPiece {
		return file.Close()
	}
	t.trail.add(piece{file.fd, file.fresh.from, file.fresh.to})
	*file = openFile{}
	return nil
}

// truncate leaves a file of the right size alone: older kernels send it for
// every new file.
func (a *applier) truncate(c *sendstream.Command) error {
	file, err := a.open(c)
	if err != nil {
		return err
	}
	size, err := file.size()
	if err != nil || size == int64(c.Length) {
		return err
	}
	if err := unix.Ftruncate(file.fd, int64(c.Length)); err != nil {
		return err
	}
	return a.noteCut(file, size, int64(c.Length))
}

// noteCut enters what a change of size writes: zeros, behind the old or the new end
// in its block.
func (a *applier) noteCut(file *openFile, was, is int64) error {
	if is > was {
		a.ledger.large = true
	}
	if a.ledger.large || is%sectorSize == 0 {
		return nil
	}
	inode, err := file.inode()
	if err != nil {
		return err
	}
	a.ledger.addZeros(stretch{inode, is - is%sectorSize, is})
	return nil
}

// clone shares an extent with a file of this snapshot or of an allowed one.
func (a *applier) clone(c *sendstream.Command) error {
	source, err := a.sources.at(c.CloneUUID, string(c.ClonePath))
	if err != nil {
		return fmt.Errorf("clone source %q: %w", c.ClonePath, err)
	}
	file, err := a.open(c)
	if err != nil {
		return err
	}
	if (c.FileOffset|c.CloneOffset|c.CloneLen)%sectorSize != 0 {
		a.ledger.large = true // the kernel copies what is inline
	}
	return btrfs.CloneRange(file.osFile(), int64(c.FileOffset), source, int64(c.CloneOffset), int64(c.CloneLen))
}

// fallocate is sent by no kernel so far.
func (a *applier) fallocate(c *sendstream.Command) error {
	file, err := a.open(c)
	if err != nil {
		return err
	}
	a.ledger.large = true // it may write zeros
	return unix.Fallocate(file.fd, c.FallocateMode, int64(c.FileOffset), int64(c.Length))
}

func (a *applier) encodedWrite(c *sendstream.Command) error {
	file, err := a.open(c)
	if err != nil {
		return err
	}
	a.encoded++
	return a.putEncoded(file, c)
}

// putEncoded writes a compressed extent or, where that cannot be, what it
// decompresses to.
func (t *content) putEncoded(file *openFile, c *sendstream.Command) error {
	if !t.plain {
		err := file.writeEncoded(c)
		if err == nil {
			return t.enter(file, c)
		}
		if !wantsPlain(err) {
			return err
		}
		t.plain = errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.EOPNOTSUPP)
	}
	data, err := t.decoder.decode(c)
	if err != nil {
		return breach(ruleDecode, err)
	}
	return t.put(file, data, int64(c.FileOffset))
}

// enter notes that the kernel took the extent.
func (t *content) enter(file *openFile, c *sendstream.Command) error {
	inode, err := file.inode()
	if err != nil {
		return err
	}
	t.ledger.addEncoded(stretch{inode, int64(c.FileOffset), int64(c.FileOffset + c.UnencodedFileLen)})
	return nil
}

// wantsPlain reports whether an encoded write failed in a way that a plain one
// may not: no such ioctl, a range or a file that cannot be compressed, or no
// room for an extent of that shape.
func wantsPlain(err error) bool {
	return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTTY) ||
		errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EOPNOTSUPP)
}

// writeEncoded writes one compressed extent. The kernel takes an unaligned end
// at the end of the file only; when the file is still longer, since the
// truncate comes later in the stream, it is cut first. Of an extent of whole
// sectors an unaligned end is that of the file. What was inline, at most a sector
// long, is none: it may end anywhere, and the rest of the file must stay.
func (o *openFile) writeEncoded(c *sendstream.Command) error {
	extent := btrfs.Encoded{
		Offset: int64(c.FileOffset), Len: c.UnencodedFileLen,
		UnencodedLen: c.UnencodedLen, UnencodedOffset: c.UnencodedOffset,
		Compression: c.Compression, Encryption: c.Encryption,
	}
	err := btrfs.EncodedWrite(o.fd, c.Data, extent)
	end := int64(c.FileOffset + c.UnencodedFileLen)
	if !errors.Is(err, unix.EINVAL) || end%sectorSize == 0 || c.UnencodedLen%sectorSize != 0 {
		return err
	}
	size, statErr := o.size()
	if statErr != nil || size <= end {
		return err
	}
	if err := unix.Ftruncate(o.fd, end); err != nil {
		return fmt.Errorf("cut to %d bytes: %w", end, err)
	}
	return btrfs.EncodedWrite(o.fd, c.Data, extent)
}
