package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// goTree returns the directory of Go's own source tree.
func goTree(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOROOT: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// copyTree copies the directories and regular files of tree, again and again,
// until there are that many entries below dir.
func copyTree(ctx context.Context, tree, dir string, entries int) error {
	for n := 0; entries > 0; n++ {
		before := entries
		to := filepath.Join(dir, fmt.Sprintf("copy%d", n))
		err := filepath.WalkDir(tree, func(path string, e fs.DirEntry, err error) error {
			if err == nil && ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			if err != nil || !e.IsDir() && !e.Type().IsRegular() {
				return err
			}
			if entries == 0 {
				return fs.SkipAll
			}
			entries--
			return copyEntry(path, filepath.Join(to, strings.TrimPrefix(path, tree)), e)
		})
		if err != nil {
			return fmt.Errorf("copy %s: %w", tree, err)
		}
		if entries == before {
			return fmt.Errorf("copy %s: it is empty", tree)
		}
	}
	return nil
}

func copyEntry(from, to string, e fs.DirEntry) error {
	if e.IsDir() {
		return os.Mkdir(to, 0o755)
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // opened for reading
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	// Not by copy_file_range, which would share extents.
	_, err = io.Copy(struct{ io.Writer }{out}, struct{ io.Reader }{in})
	return errors.Join(err, out.Close())
}

// changeSome rewrites one regular file in a hundred and renames one in four
// hundred.
func changeSome(ctx context.Context, dir string) error {
	rng := rand.NewChaCha8([32]byte{2})
	var files []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			files = append(files, path)
		}
		return errors.Join(err, context.Cause(ctx))
	})
	for i, path := range files {
		if err == nil && i%100 == 50 {
			err = rewrite(path, rng)
		}
		if err == nil && i%400 == 0 {
			err = os.Rename(path, path+".renamed")
		}
	}
	return err
}

// rewrite gives a file other bytes, as many as before.
func rewrite(path string, rng *rand.ChaCha8) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	data := make([]byte, info.Size())
	_, _ = rng.Read(data) // always fills data, never fails
	return os.WriteFile(path, data, 0o644)
}
