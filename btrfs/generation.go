package btrfs

import "context"

// Generation writes out what is dirty and returns the transaction of the last
// change to the share: its data, names, attributes or times. A snapshot s of it
// with s.OTransID >= Generation holds all there is, as taking a snapshot counts
// as a change of the share in that same transaction. Reads count too where the
// file system keeps access times.
func (p *Pool) Generation(ctx context.Context, share Share) (uint64, error) {
	g, err := p.generation(ctx, share)
	return g, fail("read generation", share.Name, err)
}

func (p *Pool) generation(ctx context.Context, share Share) (uint64, error) {
	dir, err := p.openKnown(share.ID, share.UUID)
	if err != nil {
		return 0, err
	}
	defer dir.Close() //nolint:errcheck // opened for reading
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	if err := SyncFS(dir); err != nil {
		return 0, err
	}
	info, err := Info(dir)
	return info.Generation, err
}
