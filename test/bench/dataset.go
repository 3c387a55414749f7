package main

import (
	"context"
	"fmt"
	"math"

	"btrmesh/btrfs/btrfstest"
)

// dataset is what is sent, and how.
type dataset struct {
	name    string
	what    string
	mount   string // options of the file systems on both sides
	version uint32 // of the stream
	packed  bool   // compressed extents are sent as they are

	fill   func(ctx context.Context, dir string) error
	change func(ctx context.Context, dir string) error // nil: the first snapshot is sent, in full
}

// datasets lists all, multiplied by scale.
func datasets(scale float64, tree string) []dataset {
	scaled := func(n int) int { return max(1, int(math.Round(float64(n)*scale))) }
	bigSize, files, entries := scaled(256<<20), scaled(100_000), scaled(78_000)
	big := func(_ context.Context, dir string) error { return btrfstest.Fill(dir, 6, bigSize, bigSize, 1) }
	small := func(_ context.Context, dir string) error { return btrfstest.Fill(dir, files, 1<<10, 16<<10, 1) }
	copies := func(ctx context.Context, dir string) error { return copyTree(ctx, tree, dir, entries) }
	ofTree := fmt.Sprintf("%d entries, copies of %s", entries, tree)
	const changed = ", 1 % of the files rewritten and 0.25 % renamed"
	return []dataset{
		{name: "big", what: fmt.Sprintf("6 files of %.1f MiB that do not compress", float64(bigSize)/(1<<20)), version: 1, fill: big},
		{name: "small", what: fmt.Sprintf("%d files of 1 to 16 KiB", files), version: 1, fill: small},
		{name: "tree", what: ofTree, version: 1, fill: copies},
		{name: "tree-zstd", what: ofTree + ", compress=zstd on both sides, version 2 with compressed extents", mount: "compress=zstd", version: 2, packed: true, fill: copies},
		{name: "small-1%", what: "increment: small" + changed, version: 1, fill: small, change: changeSome},
		{name: "tree-1%", what: "increment: tree" + changed, version: 1, fill: copies, change: changeSome},
	}
}

// selectDatasets returns the one called only, or all.
func selectDatasets(all []dataset, only string) ([]dataset, error) {
	if only == "" {
		return all, nil
	}
	var names []string
	for _, d := range all {
		if d.name == only {
			return []dataset{d}, nil
		}
		names = append(names, d.name)
	}
	return nil, fmt.Errorf("no data set %q; there are %v", only, names)
}
