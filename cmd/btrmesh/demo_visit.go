package main

import (
	"context"
	"path/filepath"
)

// stay says what can be done with the daemons and waits.
func (d *demo) stay(ctx context.Context) {
	a, b := d.appliances[0], d.appliances[1]
	d.text.say("The daemons go on. Try from another terminal:")
	d.text.say("    sudo btrmesh status --socket %s", a.socket())
	d.text.say("    sudo btrmesh receive list --socket %s", b.socket())
	d.text.say("    sudo tail -f %s", a.log())
	d.text.say("What you change in the share is in both replicas within a minute:")
	d.text.say("    share    %s", d.share())
	for _, target := range d.targets() {
		if dir, err := target.replica(ctx); err == nil {
			d.text.say("    replica  %s", filepath.Join(filepath.Dir(filepath.Dir(dir)), "latest"))
		}
	}
	d.text.say("Ctrl-C stops the daemons%s.", d.afterwards())
	<-ctx.Done()
}

// afterwards says what Ctrl-C does to the files.
func (d *demo) afterwards() string {
	if d.place.keep {
		return " and unmounts the pools"
	}
	return " and removes everything"
}

// farewell says what is left.
func (d *demo) farewell() string {
	if d.place.keep {
		return "Stopping. Images and logs stay in " + d.place.dir + "; to look into one: sudo mount -o loop " + d.appliances[1].image() + " /mnt"
	}
	return "Stopping, and removing " + d.place.dir + "."
}
