package sendstream

import (
	"bytes"
	"strings"
	"testing"
)

func TestCheckPath(t *testing.T) {
	name255 := strings.Repeat("n", 255)
	deep := strings.Repeat(name255+"/", 15) + name255 // 4,095 bytes
	for path, problem := range map[string]string{
		"a":                       "",
		"a/b/c":                   "",
		"o257-7-0":                "",
		"...":                     "",
		".hidden/..also":          "",
		"caf\xe9\n \\":            "",
		name255:                   "",
		deep:                      "",
		"":                        "is empty",
		"/":                       "an empty component",
		"/etc/passwd":             "an empty component",
		"a/":                      "an empty component",
		"a//b":                    "an empty component",
		".":                       "a dot component",
		"..":                      "a dot component",
		"../a":                    "a dot component",
		"a/..":                    "a dot component",
		"a/../b":                  "a dot component",
		"a/./b":                   "a dot component",
		"a\x00":                   "a NUL byte",
		"a/b\x00/../c":            "a NUL byte",
		name255 + "n":             "more than 255 bytes",
		"a/" + name255 + "n/b":    "more than 255 bytes",
		deep + "n":                "more than 4095",
		strings.Repeat("a/", 1e5): "more than 4095",
	} {
		err := checkPath(AttrPath, []byte(path))
		switch {
		case problem == "" && err != nil:
			t.Errorf("%.40q: %v", path, err)
		case problem != "" && (err == nil || !strings.Contains(err.Error(), problem)):
			t.Errorf("%.40q: got %v, want %q", path, err, problem)
		}
	}
}

// rootTypes are the commands that may be about the root of the subvolume, whose
// path is empty.
var rootTypes = map[Type]bool{
	CmdSetXattr: true, CmdRemoveXattr: true, CmdChmod: true, CmdChown: true, CmdUtimes: true, CmdFileattr: true,
}

func TestEveryPathOfEveryCommandIsChecked(t *testing.T) {
	for _, sample := range append(samplesV2(), subvol()) {
		for _, a := range layouts[sample.Type].attrs {
			if a == AttrPath || a == AttrPathTo || a == AttrClonePath || a == AttrPathLink && sample.Type != CmdSymlink {
				testPathOf(t, sample, a)
			}
		}
	}
}

func testPathOf(t *testing.T, sample Command, a Attr) {
	t.Helper()
	for _, path := range []string{"../x", "/x", "x/../../y", "x\x00", ""} {
		c := sample
		*c.bytesField(a) = []byte(path)
		stream := encode(t, 2, subvol(), c)
		if c.Type == CmdSubvol || c.Type == CmdSnapshot {
			stream = encode(t, 2, c)
		}
		_, err := readAll(bytes.NewReader(stream), Limits{})
		if path == "" && a == AttrPath && rootTypes[c.Type] {
			if err != nil {
				t.Errorf("%v with %v of the root: %v", c.Type, a, err)
			}
			continue
		}
		wantRule(t, err, rulePath)
	}
}

func TestSubvolumeNameIsOneComponent(t *testing.T) {
	c := subvol()
	c.Path = []byte("a/b")
	_, err := readAll(bytes.NewReader(encode(t, 1, c)), Limits{})
	wantRule(t, err, rulePath)
}
