package mesh

import (
	"testing"

	"btrmesh/btrfs"
	"btrmesh/btrfs/receive"
	"btrmesh/state"
	"btrmesh/stream"
)

func TestAdmissionLetsInOnlyWhatIsGranted(t *testing.T) {
	offer := stream.Offer{Share: "photos", Pool: "tank"}
	for name, c := range map[string]struct {
		a    admission
		want stream.RefusalCode
	}{
		"granted":                {admission{poolFound: true, granted: true}, 0},
		"granted by name":        {admission{poolFound: true, granted: true, grant: state.Grant{Shares: []string{"music", "photos"}}}, 0},
		"another share":          {admission{poolFound: true, granted: true, grant: state.Grant{Shares: []string{"music"}}}, stream.NotGranted},
		"not granted":            {admission{poolFound: true}, stream.NotGranted},
		"no such pool":           {admission{granted: true}, stream.PoolNotFound},
		"service off":            {admission{poolFound: true, granted: true, serviceOff: true}, stream.ServiceOff},
		"nothing is right":       {admission{serviceOff: true}, stream.ServiceOff},
		"neither pool nor grant": {admission{}, stream.PoolNotFound},
	} {
		c.a.offer = offer
		no := c.a.decide()
		if no == nil && c.want != 0 || no != nil && (no.Code != c.want || no.Text == "") {
			t.Errorf("%s: %v, want %s", name, no, c.want)
		}
	}
}

func TestAReplicaChangedByHandTakesAFullSendAlone(t *testing.T) {
	sound, changed := receive.Received{}, receive.Received{Modified: true}
	for name, c := range map[string]struct {
		full  bool
		snaps []receive.Received
		want  bool
	}{
		"empty":               {false, nil, true},
		"sound":               {false, []receive.Received{sound, sound}, true},
		"an old one changed":  {false, []receive.Received{changed, sound}, true},
		"the newest changed":  {false, []receive.Received{sound, changed}, false},
		"changed, full asked": {true, []receive.Received{changed}, true},
	} {
		a := admission{offer: stream.Offer{Full: c.full}}
		if no := a.intact(receive.Replica{Snapshots: c.snaps}); (no == nil) != c.want {
			t.Errorf("%s: %v", name, no)
		}
	}
}

func TestRoomForKeepsTheReserveAndTheQuota(t *testing.T) {
	pool := btrfs.Space{Total: 1000, Free: 500} // of which 50 are the reserve
	for name, c := range map[string]struct {
		estimate    int64
		quota, used uint64
		want        stream.RefusalCode
	}{
		"fits":               {450, 0, 0, 0},
		"into the reserve":   {451, 0, 0, stream.NoSpace},
		"unknown size":       {0, 0, 0, 0},
		"nonsense":           {-1, 0, 0, 0},
		"up to the quota":    {40, 100, 60, 0},
		"beyond the quota":   {41, 100, 60, stream.QuotaExceeded},
		"quota was lowered":  {0, 100, 101, stream.QuotaExceeded},
		"quota before space": {10_000, 100, 0, stream.QuotaExceeded},
		"an enormous quota":  {451, 1 << 63, 0, stream.NoSpace},
		"an enormous amount": {1<<63 - 1, 0, 0, stream.NoSpace},
	} {
		no := room{space: pool, quota: c.quota, used: c.used}.refuse(c.estimate)
		if no == nil && c.want != 0 || no != nil && no.Code != c.want {
			t.Errorf("%s: %v, want %s", name, no, c.want)
		}
	}
}

func TestTheReserveIsATwentiethOfThePool(t *testing.T) {
	for total, want := range map[uint64]uint64{0: 0, 99: 0, 1000: 50, 1 << 40: (1 << 40) / 100 * 5} {
		if got := reserve(btrfs.Space{Total: total}); got != want {
			t.Errorf("reserve of %d is %d, want %d", total, got, want)
		}
	}
}
