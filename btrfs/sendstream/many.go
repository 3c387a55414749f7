package sendstream

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

// Many hands out the streams of an input that holds one or several, each whole,
// one after the other: what `btrfs send A B` writes. It only finds where a stream
// ends and judges nothing; a [Reader] has to read each of them. It is not safe for
// concurrent use.
type Many struct {
	src   io.Reader
	err   error  // of src, once it failed or ended
	rest  []byte // read, but of a later stream
	edge  edge   // of the stream that was handed out last
	begun bool
}

// NewMany returns the streams of src.
func NewMany(src io.Reader) *Many { return &Many{src: src} }

// Next returns the next stream, once the one before was read to its end. It
// returns io.EOF when the input ended with that, and the error of the input if it
// failed. The first stream is there even if the input is empty: to tell that
// nothing is no stream is up to its Reader.
func (m *Many) Next() (io.Reader, error) {
	if m.begun {
		if !m.edge.passed {
			return nil, errors.New("read send streams: the stream before was not read to its end")
		}
		if err := m.more(); err != nil {
			return nil, err
		}
	}
	m.begun = true
	m.edge = edge{skip: headerSize}
	return (*part)(m), nil
}

// more returns nil if the input goes on.
func (m *Many) more() error {
	if len(m.rest) > 0 || m.err != nil {
		return m.failure()
	}
	first := make([]byte, headerSize)
	n, err := io.ReadAtLeast(m.src, first, 1)
	m.rest, m.err = first[:n], err
	return m.failure()
}

// failure is the error of the input, once all before it was handed out.
func (m *Many) failure() error {
	if len(m.rest) > 0 || m.err == nil {
		return nil
	}
	return inputError(m.err)
}

// part is the stream that a Many is at.
type part Many

// Read gives the bytes of one stream, and io.EOF behind its end command.
func (p *part) Read(b []byte) (int, error) {
	if p.edge.passed {
		return 0, io.EOF
	}
	if len(p.rest) > 0 {
		n := p.edge.find(p.rest[:min(len(b), len(p.rest))])
		copy(b, p.rest[:n])
		p.rest = p.rest[n:]
		return n, nil
	}
	if p.err != nil {
		return 0, p.err
	}
	read, err := p.src.Read(b)
	p.err = err
	n := p.edge.find(b[:read])
	p.rest = bytes.Clone(b[n:read])
	if n > 0 || err == nil {
		return n, nil
	}
	return 0, err
}

// edge looks for the end of a stream by the lengths of its commands.
type edge struct {
	skip   int64  // bytes up to the next header of a command, or to the end
	header []byte // the part of that which was seen
	last   bool   // what is skipped is the payload of the end command
	passed bool
}

// find returns how many bytes of b, which continue those before, belong to the
// stream.
func (e *edge) find(b []byte) int {
	at := 0
	for at < len(b) && !e.passed {
		if e.skip > 0 {
			n := min(e.skip, int64(len(b)-at))
			e.skip -= n
			at += int(n)
		} else {
			n := min(commandHeaderSize-len(e.header), len(b)-at)
			e.header = append(e.header, b[at:at+n]...)
			at += n
			e.parse()
		}
		e.passed = e.last && e.skip == 0
	}
	return at
}

// parse takes in the header of a command once it is complete.
func (e *edge) parse() {
	if len(e.header) < commandHeaderSize {
		return
	}
	e.skip = int64(binary.LittleEndian.Uint32(e.header))
	e.last = Type(binary.LittleEndian.Uint16(e.header[4:])) == CmdEnd
	e.header = e.header[:0]
}
