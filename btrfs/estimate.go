package btrfs

import (
	"context"
	"io"
)

// Estimate predicts how many bytes Send will write for the snapshot with the
// UUID snap, relative to parent unless that is zero, in the newest version of
// the stream. It makes the stream without the data and adds what that would
// take: within 0.1 % for a stream of plain data. Of a compressed one, which may be
// a small part of that, it is an upper bound, but for the 52 bytes by which the
// command of an extent is longer then. It costs the walk over the metadata, half
// to nearly all of the time of a send of many small files. Errors are those of
// Send.
func (p *Pool) Estimate(ctx context.Context, snap, parent UUID) (int64, error) {
	return p.EstimateVersion(ctx, snap, parent, 0)
}

// EstimateVersion is Estimate for a version of the stream as in [SendRequest].
func (p *Pool) EstimateVersion(ctx context.Context, snap, parent UUID, version uint32) (int64, error) {
	r := SendRequest{Snapshot: snap, Parent: parent, Version: version}
	stats, err := p.send(ctx, io.Discard, r, sendNoFileData)
	if err != nil {
		return 0, fail("estimate", snap.String(), err)
	}
	return stats.EstimateBytes(stats.Version), nil
}
