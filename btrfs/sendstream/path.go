package sendstream

import "bytes"

// Lengths in bytes, as Linux has them (NAME_MAX, PATH_MAX without its NUL).
const (
	maxNameLen = 255
	maxPathLen = 4095
)

const rulePath = "unsafe path"

// checkPath accepts only a relative path of plain components: nothing that
// could name a place outside the subvolume by its text alone.
func checkPath(a Attr, path []byte) error {
	switch {
	case len(path) == 0:
		return breachf(rulePath, "%v is empty", a)
	case len(path) > maxPathLen:
		return breachf(rulePath, "%v has %d bytes, more than %d", a, len(path), maxPathLen)
	case bytes.IndexByte(path, 0) >= 0:
		return breachf(rulePath, "%v %q has a NUL byte", a, path)
	}
	for rest, more := path, true; more; {
		var name []byte
		name, rest, more = bytes.Cut(rest, []byte{'/'})
		if reason := badName(name); reason != "" {
			return breachf(rulePath, "%v %q has %s", a, path, reason)
		}
	}
	return nil
}

// badName says what is wrong with one component, "" if nothing is. An absolute
// path shows as an empty first component, a trailing slash as an empty last one.
func badName(name []byte) string {
	switch {
	case len(name) == 0:
		return "an empty component"
	case len(name) > maxNameLen:
		return "a component of more than 255 bytes"
	case string(name) == ".", string(name) == "..":
		return "a dot component"
	}
	return ""
}

// checkName accepts a single component.
func checkName(a Attr, name []byte) error {
	if bytes.IndexByte(name, '/') >= 0 {
		return breachf(rulePath, "%v %q is not a single component", a, name)
	}
	return checkPath(a, name)
}
