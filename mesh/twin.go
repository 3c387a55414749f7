package mesh

import (
	"time"

	"btrmesh/certs"
	"btrmesh/state"
)

// twinAnswers is how often another machine has to answer this appliance's words
// about itself with words of its own, under the same key, until it counts as
// another machine: state that was restored from a backup gives no answer.
const twinAnswers = 3

// hearOwn looks for descriptions of this appliance that it did not sign. They are
// answered with a newer one; who answers back holds a copy of the key.
func (n *Node) hearOwn(fresh []certs.Record) {
	for _, r := range fresh {
		d, ok := r.Describe()
		if !ok || r.Issuer() != n.me || d.Instance == n.instance {
			continue
		}
		n.heardOwn[d.Instance]++
		if n.heardOwn[d.Instance] >= twinAnswers {
			n.twinHeard(d)
			continue // answering on would never end
		}
		notify(n.redescribe)
	}
}

// twinHeard records that another machine uses this appliance's key. One that was
// settled stays so.
func (n *Node) twinHeard(d certs.Description) {
	if n.heardOwn[d.Instance] == twinAnswers { // it will answer for ever
		n.log.Error("another machine uses this appliance's key", "addresses", d.Addresses, "name", d.Name)
	}
	err := n.store.Update(func(tx *state.Tx) error {
		me, _, err := tx.Appliance()
		if err != nil || me.Twin.Settled && me.Twin.Instance == d.Instance {
			return err
		}
		me.Twin = state.Twin{Instance: d.Instance, Addresses: d.Addresses, Heard: time.Now().UTC()}
		return tx.PutAppliance(me)
	})
	if err != nil {
		n.log.Error("copied key not recorded", "err", err)
	}
}

// twin returns the machine that uses this appliance's key too, false if there is
// none or a person has settled it.
func (n *Node) twin() (state.Twin, bool) {
	var t state.Twin
	err := n.store.View(func(tx *state.Tx) error {
		me, _, err := tx.Appliance()
		t = me.Twin
		return err
	})
	if err != nil {
		n.log.Error("state not readable", "err", err)
	}
	return t, !t.Heard.IsZero() && !t.Settled
}

// disputed tells whether what the mesh knows of this appliance was signed by a twin.
func (n *Node) disputed() bool {
	me, ok := n.members.fold().Members[n.me]
	if !ok || !me.HasDescription || me.Description.Instance == n.instance {
		return false
	}
	t, _ := n.twin()
	return t.Instance == me.Description.Instance
}

// dispute spaces the answers to a twin, which would go on for ever: both would sign
// and all would store a description every few seconds. The zero value is valid.
type dispute struct {
	next time.Time
	wait time.Duration
}

// disputeRarest is the longest wait between two answers: so long the mesh may have
// the other's address for this appliance.
const disputeRarest = time.Hour

// turn tells whether to look now whether the description still holds.
func (d *dispute) turn(disputed bool, now time.Time) bool {
	if !disputed {
		return true
	}
	if now.Before(d.next) {
		return false
	}
	d.wait = min(max(2*d.wait, describeEvery), disputeRarest)
	d.next = now.Add(d.wait)
	return true
}
