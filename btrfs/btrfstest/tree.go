package btrfstest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// diffLines bounds what Diff prints: enough to see the pattern of a fault.
const diffLines = 20

// Tree is what Digest found below one directory: a line of text per path, in
// the order of the walk. The zero value is a tree without even a root. A Tree
// is immutable and safe for concurrent use.
type Tree struct {
	entries []entry
}

type entry struct {
	path string // relative to the root of the tree; "." is the root
	line string // everything Digest compares, the quoted path first
}

// Len is the number of paths, the root included.
func (t Tree) Len() int { return len(t.entries) }

// Sum is the SHA-256 of all lines, in hex: equal for equal trees only.
func (t Tree) Sum() string {
	h := sha256.New()
	for _, e := range t.entries {
		h.Write([]byte(e.line + "\n"))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// String is the whole tree, a line per path.
func (t Tree) String() string {
	var b strings.Builder
	for _, e := range t.entries {
		b.WriteString(e.line + "\n")
	}
	return b.String()
}

func (t Tree) byPath() map[string]string {
	lines := make(map[string]string, len(t.entries))
	for _, e := range t.entries {
		lines[e.path] = e.line
	}
	return lines
}

// Diff says how b differs from a: "-" before lines of a, "+" before lines of b,
// the two of one path together. It prints the first 20 differing lines and
// counts the others; it is empty when the trees are equal.
func Diff(a, b Tree) string {
	lines := differing(a, b)
	if len(lines) <= diffLines {
		return strings.Join(lines, "")
	}
	more := fmt.Sprintf("(%d more)\n", len(lines)-diffLines)
	return strings.Join(lines[:diffLines], "") + more
}

func differing(a, b Tree) []string {
	inA, inB := a.byPath(), b.byPath()
	var lines []string
	for _, e := range a.entries {
		other, found := inB[e.path]
		if other == e.line {
			continue
		}
		lines = append(lines, "- "+e.line+"\n")
		if found {
			lines = append(lines, "+ "+other+"\n")
		}
	}
	for _, e := range b.entries {
		if _, found := inA[e.path]; !found {
			lines = append(lines, "+ "+e.line+"\n")
		}
	}
	return lines
}
