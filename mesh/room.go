package mesh

import (
	"fmt"
	"math"

	"btrmesh/btrfs"
	"btrmesh/stream"
)

// reservePercent is the part of a pool that no run may use.
const reservePercent = 5

func reserve(s btrfs.Space) uint64 { return s.Total / 100 * reservePercent }

// room is what a pool has for a run. All in bytes.
type room struct {
	space btrfs.Space
	quota uint64 // of the grant; 0: none
	used  uint64 // of it, by what is committed
	here  int64  // of the run's stream that an earlier attempt left on the pool
}

// refuse returns nil when a stream of the estimated size fits into the pool above
// its reserve and into the grant's quota, else the refusal.
func (r room) refuse(estimate int64) *stream.Refusal {
	need := uint64(max(estimate, 0))
	if r.quota > 0 && (r.used > r.quota || need > r.quota-r.used) {
		return &stream.Refusal{
			Code:  stream.QuotaExceeded,
			Text:  fmt.Sprintf("%s of %s granted are used; this run needs ~%s", size(r.used), size(r.quota), size(need)),
			Facts: []string{fmt.Sprintf("used %d", r.used), fmt.Sprintf("quota %d", r.quota), fmt.Sprintf("need %d", need)},
		}
	}
	if rest := uint64(max(estimate-max(r.here, 0), 0)); rest > r.free() {
		return &stream.Refusal{
			Code:  stream.NoSpace,
			Text:  fmt.Sprintf("%s free, the run needs ~%s and the reserve is %d%%. Nothing was sent", size(r.space.Free), size(rest), reservePercent),
			Facts: []string{fmt.Sprintf("free %d", r.space.Free), fmt.Sprintf("need %d", rest)},
		}
	}
	return nil
}

// free is what lies above the reserve.
func (r room) free() uint64 { return r.space.Free - min(reserve(r.space), r.space.Free) }

// granted is what is left of the quota, less what is here already.
func (r room) granted() uint64 {
	if r.quota == 0 {
		return math.MaxUint64
	}
	return r.quota - min(r.quota, r.used+uint64(max(r.here, 0)))
}

// most bounds what the rest of a stream may take, at least 1: what fits. What the
// source announced does not bound it, for an honest stream may be longer: no tree
// tells how often the kernel gives up to clone an extent. Who announces too little
// gains nothing, for quota and reserve hold all the same.
func (r room) most() int64 {
	return int64(min(max(r.free(), 1), max(r.granted(), 1), math.MaxInt64))
}

// exceeded is the refusal of a stream that turned out to take more than most.
func (r room) exceeded() *stream.Refusal {
	if r.granted() < r.free() {
		return &stream.Refusal{
			Code:  stream.QuotaExceeded,
			Text:  fmt.Sprintf("%s of %s granted were used; this run brought more than the rest. What was received is removed again", size(r.used), size(r.quota)),
			Facts: []string{fmt.Sprintf("used %d", r.used), fmt.Sprintf("quota %d", r.quota)},
		}
	}
	return &stream.Refusal{
		Code:  stream.NoSpace,
		Text:  fmt.Sprintf("%s were free and the reserve is %d%%; this run brought more. What was received is removed again", size(r.space.Free), reservePercent),
		Facts: []string{fmt.Sprintf("free %d", r.space.Free)},
	}
}
