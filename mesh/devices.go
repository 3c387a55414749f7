package mesh

import (
	"fmt"
	"strings"

	"btrmesh/btrfs"
	"btrmesh/mesh/control"
)

// Devices is what the engine asks of a pool about its disks.
type Devices interface {
	DeviceErrors() ([]btrfs.DeviceErrors, error)
}

// deviceWarnings tells of disks that counted errors. They stay until somebody
// resets the counters: what was lost may still be lost.
func (n *Node) deviceWarnings() []control.Warning {
	var list []control.Warning
	for _, p := range n.pools.all() {
		devices, err := p.DeviceErrors()
		if err != nil {
			text := fmt.Sprintf("the error counters of pool %s cannot be read: %v.", p.Name, err)
			hint := "sudo btrfs device stats " + p.Path
			list = append(list, control.Warning{Level: control.Degraded, Text: text, Hints: []string{hint}})
		}
		for _, d := range devices {
			if d.Any() {
				list = append(list, deviceWarning(p.Name, p.Path, d))
			}
		}
	}
	return list
}

func deviceWarning(pool, path string, d btrfs.DeviceErrors) control.Warning {
	return control.Warning{
		Level: control.Degraded,
		Text:  fmt.Sprintf("%s of pool %s counted errors: %s.", deviceName(d), pool, deviceCounts(d)),
		Hints: []string{"sudo btrfs scrub start " + path, "once it is repaired: sudo btrfs device stats -z " + path},
	}
}

func deviceName(d btrfs.DeviceErrors) string {
	if d.Path == "" {
		return fmt.Sprintf("missing device %d", d.ID)
	}
	return "device " + d.Path
}

// deviceCounts names the counters as "btrfs device stats" does.
func deviceCounts(d btrfs.DeviceErrors) string {
	var parts []string
	for _, c := range []struct {
		count uint64
		of    string
	}{{d.Write, "write"}, {d.Read, "read"}, {d.Flush, "flush"}, {d.Corruption, "corruption"}, {d.Generation, "generation"}} {
		if c.count > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", c.of, c.count))
		}
	}
	return strings.Join(parts, ", ")
}
