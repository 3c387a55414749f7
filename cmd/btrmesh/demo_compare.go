package main

import (
	"context"
	"fmt"
	"path/filepath"

	"btrmesh/mesh/control"
)

// compare reads the share and both newest replicas, and fails if one differs.
// Nothing else writes to the share.
func (d *demo) compare(ctx context.Context) error {
	want, err := digestTree(ctx, d.share())
	if err != nil {
		return err
	}
	d.text.say("%s", digestLine("share   "+demoShare+" on nas-a", want, d.text.units))
	for _, target := range d.targets() {
		newest, err := target.replica(ctx)
		if err != nil {
			return err
		}
		got, err := digestTree(ctx, newest)
		if err != nil {
			return err
		}
		line := digestLine("replica "+demoShare+"@nas-a on "+target.name, got, d.text.units)
		if got != want {
			d.text.paint(bad, "%s  DIFFERENT", line)
			return fmt.Errorf("the replica on %s is not what the share is", target.name)
		}
		d.compared++
		d.text.paint(good, "%s  equal", line)
	}
	return nil
}

func digestLine(name string, g demoDigest, units control.Units) string {
	return fmt.Sprintf("%-31s  %s  %9s  sha256 %s", name, control.Count(g.size.paths, "path"), units.Size(g.size.bytes), g)
}

// replica returns the directory of the newest replica.
func (a *demoAppliance) replica(ctx context.Context) (string, error) {
	list, err := a.client.Replicas(ctx)
	if err != nil {
		return "", err
	}
	if len(list.Value) != 1 {
		return "", fmt.Errorf("%s has %s instead of one", a.name, control.Count(int64(len(list.Value)), "replica"))
	}
	return filepath.EvalSymlinks(filepath.Join(list.Value[0].Path, "latest"))
}
