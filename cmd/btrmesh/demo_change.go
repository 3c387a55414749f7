package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// demoChange is one change to a share. Paths are relative to it.
type demoChange struct {
	verb string // edit, add, delete, rename
	path string
	to   string // the new name of a renamed file
}

// String returns the change as the demo prints it.
func (c demoChange) String() string {
	text := fmt.Sprintf("%-6s  %s", c.verb, c.path)
	if c.to != "" {
		text += " -> " + c.to
	}
	return text
}

// chooseChanges picks files of a share for one change of each kind, as far as
// there are enough: each is changed once at most.
func chooseChanges(files []string) []demoChange {
	changes := []demoChange{{verb: "add", path: "added-by-the-demo.txt"}}
	if len(files) > 0 {
		changes = append(changes, demoChange{verb: "edit", path: files[0]})
	}
	if len(files) > 1 {
		changes = append(changes, demoChange{verb: "delete", path: files[len(files)-1]})
	}
	if len(files) > 2 {
		renamed := files[len(files)/2]
		changes = append(changes, demoChange{verb: "rename", path: renamed, to: renamed + ".renamed"})
	}
	return changes
}

// apply makes the change in the share at dir.
func (c demoChange) apply(dir string) error {
	path := filepath.Join(dir, c.path)
	switch c.verb {
	case "add":
		return os.WriteFile(path, []byte("This file was not there when the first copy was made.\n"), 0o644)
	case "edit":
		return appendLine(path, "This line was not there when the first copy was made.\n")
	case "delete":
		return os.Remove(path)
	default:
		return os.Rename(path, filepath.Join(dir, c.to))
	}
}

func appendLine(path, line string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line)
	return errors.Join(err, f.Close())
}

// regularFiles lists the regular files below dir in order.
func regularFiles(ctx context.Context, dir string) ([]string, error) {
	var files []string
	err := demoTree{dir: dir}.walk(ctx, func(rel string, st *unix.Stat_t) error {
		if st.Mode&unix.S_IFMT == unix.S_IFREG {
			files = append(files, rel)
		}
		return nil
	})
	return files, err
}
