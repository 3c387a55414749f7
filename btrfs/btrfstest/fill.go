package btrfstest

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// filesPerDirectory is how many files Fill puts in one directory.
const filesPerDirectory = 100

// Fill writes count files of smallest to largest random bytes, both included,
// into directories of 100 below dir, which it makes as needed. The same seed
// writes the same names and bytes; another call with other seeds overwrites.
func Fill(dir string, count, smallest, largest int, seed uint64) error {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	source := rand.NewChaCha8(key)
	rng := rand.New(source)
	content := make([]byte, largest)
	for i := range count {
		data := content[:smallest+rng.IntN(largest-smallest+1)]
		_, _ = source.Read(data) // always fills data, never fails
		if err := fillOne(dir, i, data); err != nil {
			return fmt.Errorf("fill %s: %w", dir, err)
		}
	}
	return nil
}

func fillOne(dir string, i int, data []byte) error {
	sub := filepath.Join(dir, fmt.Sprintf("d%04d", i/filesPerDirectory))
	if i%filesPerDirectory == 0 {
		if err := os.MkdirAll(sub, 0o755); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(sub, fmt.Sprintf("f%06d", i)), data, 0o644)
}
