package sendstream

import "encoding/binary"

// The rules about which attributes a command carries.
const (
	ruleUnknownCommand = "command not part of this stream version"
	ruleCutAttr        = "attribute exceeds its command"
	ruleForeignAttr    = "attribute does not belong here"
	ruleTwice          = "attribute appears twice"
	ruleAttrSize       = "attribute of the wrong size"
	ruleMissing        = "attribute missing"
)

// decode fills c, whose Type is set, from the payload of a command and judges
// the result.
func (c *Command) decode(payload []byte, version uint32) error {
	if !c.Type.known() || version < layouts[c.Type].version {
		return breach(ruleUnknownCommand)
	}
	l := &layouts[c.Type]
	allowed, seen := l.allowed(version), attrSet(0)
	for len(payload) > 0 {
		a, value, rest, err := cutAttr(payload, version)
		if err != nil {
			return err
		}
		if err := admit(a, value, allowed, seen); err != nil {
			return err
		}
		c.setField(a, value)
		seen |= setOf(a)
		payload = rest
	}
	if missing := l.required() &^ seen; missing != 0 {
		return breachf(ruleMissing, "%v", missing.first())
	}
	return l.check(c)
}

// cutAttr splits the first attribute off a payload. The data of version 2 has no
// length; there, it is whatever is left.
func cutAttr(payload []byte, version uint32) (a Attr, value, rest []byte, err error) {
	if len(payload) < 2 {
		return 0, nil, nil, breachf(ruleCutAttr, "%d bytes left", len(payload))
	}
	a = Attr(binary.LittleEndian.Uint16(payload))
	if a == AttrData && version >= 2 {
		return a, payload[2:], nil, nil
	}
	if len(payload) < 4 {
		return 0, nil, nil, breachf(ruleCutAttr, "%v without a length", a)
	}
	size := int(binary.LittleEndian.Uint16(payload[2:]))
	if rest = payload[4:]; size > len(rest) {
		return 0, nil, nil, breachf(ruleCutAttr, "%v of %d bytes, %d left", a, size, len(rest))
	}
	return a, rest[:size], rest[size:], nil
}

// admit judges an attribute by what the command may carry and carried so far.
func admit(a Attr, value []byte, allowed, seen attrSet) error {
	switch {
	case !allowed.has(a):
		return breachf(ruleForeignAttr, "%v", a)
	case seen.has(a):
		return breachf(ruleTwice, "%v", a)
	}
	if want := a.form().size(); want >= 0 && len(value) != want {
		return breachf(ruleAttrSize, "%v has %d bytes, not %d", a, len(value), want)
	}
	return nil
}
