package main

import (
	"context"
	"slices"
	"time"

	"btrmesh/mesh/control"
)

// idD is an appliance that was removed.
const idD = "77KM3XA0000000000000000000000000000000000000000000000000"

// sampleHeld is what nas-b would remove at once.
func sampleHeld() control.HeldRemoval {
	return control.HeldRemoval{By: "nas-b", Subjects: []string{"nas-c", "nas-e"}, Members: 3, Since: before(time.Minute)}
}

func (f *fake) appliances(_ context.Context, r control.AppliancesRequest) ([]control.Appliance, error) {
	if !r.All {
		return sampleAppliances(), nil
	}
	list := sampleAppliances()
	list[2].Removal = &control.Removal{By: "nas-b", At: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC), Reason: control.ReasonRemoved, Kept: true}
	return append(list,
		control.Appliance{
			Name: "nas-d", ID: idD, State: control.Removed, Version: "0.1.0", PairedAt: time.Date(2026, 11, 3, 8, 0, 0, 0, time.UTC),
			Removal: &control.Removal{By: "nas-b", At: time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC), Reason: control.ReasonLost},
		},
		control.Appliance{
			Name: "nas-e", ID: "E" + idD[1:], State: control.Removed, PairedAt: time.Date(2026, 11, 4, 8, 0, 0, 0, time.UTC),
			Removal: &control.Removal{By: "nas-e", At: time.Date(2026, 11, 19, 0, 0, 0, 0, time.UTC), Reason: control.ReasonLeft},
		}), nil
}

// sampleAddresses are those of nas-b.
func sampleAddresses() []control.Address {
	return []control.Address{
		{Address: "192.168.1.11:7945", From: control.AddressInUse, SeenAt: sampleTime},
		{Address: "10.0.0.11:7945", From: control.AddressAdded},
	}
}

func (f *fake) appliance(ctx context.Context, r control.ApplianceRequest) (control.Appliance, error) {
	if err := errorRow(r.Appliance); err != nil {
		return control.Appliance{}, err
	}
	all, err := f.appliances(ctx, control.AppliancesRequest{All: true})
	i := slices.IndexFunc(all, func(a control.Appliance) bool { return a.Name == r.Appliance })
	if i < 0 || err != nil {
		return control.Appliance{}, control.ApplianceNotFound(r.Appliance, []string{"nas-a", "nas-b", "nas-c"})
	}
	a := all[i]
	switch a.Name {
	case "nas-a":
		a.Protocol, a.ServiceOn, a.Admitted = 1, new(true), []string{"nas-b", "nas-c"}
		a.Addresses = []control.Address{{Address: "192.168.1.10:7945", From: control.AddressAnnounced}}
	case "nas-b":
		a.Protocol, a.ServiceOn, a.AdmittedBy, a.Admitted, a.Addresses = 1, new(false), "nas-a", []string{"nas-e"}, sampleAddresses()
		a.MayWrite, a.MayReceive = []control.PoolUse{{Pool: "tank"}}, []control.PoolUse{{Pool: "tank", QuotaBytes: size(2, tib)}}
	case "nas-d":
		a.AdmittedBy = "nas-c"
	}
	return a, nil
}

func (f *fake) rename(_ context.Context, r control.RenameAppliance) (control.Renamed, error) {
	if err := errorRow(r.Name); err != nil {
		return control.Renamed{}, err
	}
	if r.DryRun {
		return control.Renamed{Plan: &control.Plan{Would: "rename nas-a to " + r.Name}}, nil
	}
	return control.Renamed{Old: "nas-a", Name: r.Name, Unchanged: r.Name == "nas-a"}, nil
}

func (f *fake) changeAddress(_ context.Context, r control.ChangeAddress) (control.AddressChange, error) {
	for _, given := range []string{r.Appliance, r.Address} {
		if err := errorRow(given); err != nil {
			return control.AddressChange{}, err
		}
	}
	if r.DryRun {
		return control.AddressChange{Plan: &control.Plan{Would: "try " + r.Address + " for " + r.Appliance}}, nil
	}
	c := control.AddressChange{Appliance: r.Appliance, Address: r.Address + ":7945", Removed: r.Remove, Addresses: sampleAddresses()}
	c.Unchanged = c.Address == "192.168.1.11:7945"
	if r.Remove {
		c.Addresses = c.Addresses[:1]
	}
	return c, nil
}

func (f *fake) remove(_ context.Context, r control.RemoveAppliance) (control.MemberChange, error) {
	for _, given := range append([]string{r.Appliance}, r.Also...) {
		if err := errorRow(given); err != nil {
			return control.MemberChange{}, err
		}
	}
	if r.DryRun {
		return control.MemberChange{Plan: removalPlan(r)}, nil
	}
	switch r.Appliance {
	case "nas-a":
		return control.MemberChange{Appliance: "nas-a", ID: idA, Self: true}, nil
	case "nas-d":
		return control.MemberChange{Appliance: "nas-d", ID: idD, Unchanged: true}, nil
	case "nas-b":
		return control.MemberChange{Appliance: "nas-b", ID: idB}, nil
	}
	c := control.MemberChange{Appliance: "nas-c", ID: idC, Also: r.Also, Stay: []string{"nas-e", "nas-f"}, StoppedRuns: 1, Decided: []string{"nas-b"}}
	c.Stay = slices.DeleteFunc(c.Stay, func(name string) bool { return slices.Contains(r.Also, name) })
	return c, nil
}

// removalPlan is what removing an appliance would mean.
func removalPlan(r control.RemoveAppliance) *control.Plan {
	p := &control.Plan{Would: "remove " + r.Appliance + " from the mesh"}
	switch r.Appliance {
	case "nas-a":
		p.Would = "leave the mesh"
		p.Removal = &control.RemovalPreview{Appliance: "nas-a", ID: idA, Self: true, Members: []string{"nas-b", "nas-c"}}
	case "nas-b":
		p.Removal = &control.RemovalPreview{Appliance: "nas-b", ID: idB, Members: []string{"nas-a"}}
	default:
		p.Removal = &control.RemovalPreview{
			Appliance: "nas-c", ID: idC, Members: []string{"nas-a", "nas-b", "nas-e", "nas-f"}, Admitted: []string{"nas-e", "nas-f"}, Also: r.Also,
			Tasks: []string{"photos-nas-c"}, Replicas: []string{"docs@nas-c"}, Held: []string{"nas-b"},
		}
		gone := func(name string) bool { return slices.Contains(r.Also, name) }
		p.Removal.Members, p.Removal.Admitted = slices.DeleteFunc(p.Removal.Members, gone), slices.DeleteFunc(p.Removal.Admitted, gone)
	}
	return p
}

func (f *fake) keep(_ context.Context, r control.KeepAppliance) (control.MemberChange, error) {
	if err := errorRow(r.Appliance); err != nil {
		return control.MemberChange{}, err
	}
	if r.DryRun {
		return control.MemberChange{Plan: &control.Plan{Would: "keep " + r.Appliance + " here"}}, nil
	}
	switch r.Appliance {
	case "nas-a":
		return control.MemberChange{Appliance: "nas-a", ID: idA, Self: true, Twin: true}, nil
	case "nas-b":
		return control.MemberChange{Appliance: "nas-b", ID: idB, Unchanged: true}, nil
	case "nas-c":
		return control.MemberChange{Appliance: "nas-c", ID: idC, Decided: []string{"nas-b"}}, nil
	}
	return control.MemberChange{Appliance: r.Appliance, ID: idD}, nil
}
