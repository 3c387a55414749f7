package btrfstest

import "testing"

func TestFirstBlockThatLiesInlineElsewhereIsExcusedFromThenOn(t *testing.T) {
	type files map[string][]uint64
	var s Sharing
	for _, c := range []struct {
		name     string
		at, copy files
		inline   []string // of the copy
		want     string
		forgiven int
	}{
		{
			name: "none inline", want: "\"/b\": 1 blocks\n",
			at: files{"/a": {1, 2}, "/b": {8, 1}}, copy: files{"/a": {1, 2}, "/b": {8, 3}},
		},
		{
			name: "inline at both", inline: []string{"/a"}, want: "\"/c\": 1 blocks\n",
			at: files{"/b": {8, 1}, "/c": {9, 1}}, copy: files{"/b": {8, 3}, "/c": {9, 4}},
		},
		{
			name: "inline in the copy", inline: []string{"/a"}, forgiven: 2,
			at: files{"/a": {1, 2}, "/b": {8, 1}, "/c": {9, 1}}, copy: files{"/b": {8, 3}, "/c": {9, 4}},
		},
		{
			name: "overwritten since", forgiven: 1,
			at: files{"/a": {5, 2}, "/b": {8, 1}, "/c": {9, 1}}, copy: files{"/a": {5, 2}, "/b": {8, 3}, "/c": {9, 4}},
		},
		{
			name: "another block", want: "\"/b\": 1 blocks\n",
			at: files{"/a": {5, 2}, "/b": {8, 2}}, copy: files{"/a": {5, 2}, "/b": {8, 3}},
		},
	} {
		copied := layout(c.copy)
		for _, path := range c.inline {
			copied.inline[path] = struct{}{}
		}
		if lost, forgiven := s.Lost(layout(c.at), copied); lost != c.want || forgiven != c.forgiven {
			t.Errorf("%s: lost %q and forgiven %d blocks, want %q and %d", c.name, lost, forgiven, c.want, c.forgiven)
		}
	}
}
