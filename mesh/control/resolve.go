package control

import (
	"slices"
	"strings"
)

// Resolve finds the name meant by given: itself, or the only one it is a
// prefix of. kind ("appliance", "task", "pool", …) is for the error: exit 2
// with the candidates when several match, exit 5 with the nearest name when
// none does.
func Resolve(kind, given string, names []string) (string, error) {
	if given == "" {
		return "", Errorf(CodeUsage, "a name of %s is missing.", article(kind))
	}
	if slices.Contains(names, given) {
		return given, nil
	}
	var found []string
	for _, name := range names {
		if strings.HasPrefix(name, given) {
			found = append(found, name)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", notFound(kind, given, names)
	}
	slices.Sort(found)
	return "", Errorf(CodeAmbiguous, "%q may mean several %ss.", given, kind).Fact("%s", strings.Join(found, ", "))
}

// article returns noun with its indefinite article.
func article(noun string) string {
	if strings.ContainsAny(noun[:1], "aeiou") {
		return "an " + noun
	}
	return "a " + noun
}

// notFound says that no name matches, and what is near or known.
func notFound(kind, given string, names []string) *Error {
	if kind == "appliance" {
		return ApplianceNotFound(given, names)
	}
	e := Errorf(kind+"_not_found", "there is no %s %q.%s", kind, given, DidYouMean(Nearest(given, names)))
	e.Exit = ExitNotFound
	return e
}

// DidYouMean returns " Did you mean NAME?", or nothing for no name.
func DidYouMean(name string) string {
	if name == "" {
		return ""
	}
	return " Did you mean " + name + "?"
}

// Nearest returns the name most like given, or "" where none is near: at most
// a third of the letters may differ, a swap of two counting as one.
func Nearest(given string, names []string) string {
	best, bestDistance := "", (len(given)+1)/3+1
	for _, name := range names {
		if d := distance(given, name); d < bestDistance {
			best, bestDistance = name, d
		}
	}
	return best
}

// maxDistanceLen bounds the work of distance on what a person typed.
const maxDistanceLen = 256

// distance counts the letters to insert, delete, replace or swap with their
// neighbour to make b of a (optimal string alignment).
func distance(a, b string) int {
	if len(a) > maxDistanceLen || len(b) > maxDistanceLen {
		return max(len(a), len(b))
	}
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next := make([]int, len(b)+1)
		next[0] = i
		for j := 1; j <= len(b); j++ {
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+differ(a[i-1], b[j-1]))
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}

// differ is the cost of replacing x by y.
func differ(x, y byte) int {
	if x == y {
		return 0
	}
	return 1
}
