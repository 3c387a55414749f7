package mesh

import (
	"errors"
	"testing"
	"time"

	"btrmesh/btrfs"
	"btrmesh/mesh/control"
)

// disks are devices that a test makes up.
type disks struct {
	list []btrfs.DeviceErrors
	err  error
}

func (d disks) DeviceErrors() ([]btrfs.DeviceErrors, error) { return d.list, d.err }

func TestDisksThatCountedErrorsAreWarnedOf(t *testing.T) {
	couple(t, 60, func(f *fleet, a, _ *member, _ string) {
		time.Sleep(5 * time.Second)
		for want, d := range map[string]disks{
			"": {list: []btrfs.DeviceErrors{{ID: 1, Path: "/dev/sda"}}},
			"device /dev/sdb of pool tank counted errors: write 2, corruption 1.": {
				list: []btrfs.DeviceErrors{{ID: 1, Path: "/dev/sda"}, {ID: 2, Path: "/dev/sdb", Write: 2, Corruption: 1}},
			},
			"missing device 3 of pool tank counted errors: read 1, flush 4, generation 5.": {
				list: []btrfs.DeviceErrors{{ID: 3, Read: 1, Flush: 4, Generation: 5}},
			},
			"the error counters of pool tank cannot be read: broken.": {err: errors.New("broken")},
		} {
			a.api.Node.pools.all()[0].Devices = d
			if want != "" {
				a.wantWarning(control.Degraded, want)
			} else if got := a.overview().Warnings; len(got) > 0 {
				f.t.Errorf("warned of %+v", got)
			}
		}
	})
}
