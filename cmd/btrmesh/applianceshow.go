package main

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"btrmesh/mesh/control"
)

func runApplianceShow(s *session) error {
	a, err := s.client.Appliance(s.ctx, control.ApplianceRequest{Appliance: s.arg(0)})
	if err != nil {
		return err
	}
	if s.json {
		return s.raw(a.Raw)
	}
	return s.block(s.applianceLines(a.Value, a.Time)...)
}

// applianceLines is one appliance in full.
func (s *session) applianceLines(a control.Appliance, now time.Time) []string {
	lines := []string{applianceHead(a), detail("id", "%s", a.ID), detail("address", "%s", addressList(a.Addresses))}
	if !a.Self {
		lines = append(lines, detail("seen", "%s", seenText(a, now)))
	}
	lines = append(lines, detail("member", "%s", s.memberText(a)))
	if a.Removal != nil {
		lines = append(lines, detail("removed", "%s", s.removalText(a.Removal)))
	}
	return append(lines, s.trafficLines(a)...)
}

// applianceHead is the first line: who it is and how.
func applianceHead(a control.Appliance) string {
	words := []string{a.Name, overTCP(a.State, a.Transport)}
	if a.Self {
		words = append(words, "this appliance")
	}
	if a.Version != "" {
		words = append(words, "btrmesh "+a.Version)
	}
	if a.Protocol > 0 {
		words = append(words, fmt.Sprintf("protocol %d", a.Protocol))
	}
	if a.ServiceOn != nil {
		words = append(words, serviceWord(*a.ServiceOn))
	}
	return strings.Join(words, "   ")
}

// serviceWord names the state of the replication service.
func serviceWord(on bool) string {
	if on {
		return "service on"
	}
	return "service off"
}

// trafficLines say what goes between an appliance and this one.
func (s *session) trafficLines(a control.Appliance) []string {
	switch {
	case a.State == control.Removed:
		return nil
	case a.Self:
		return []string{detail("runs", "%s from here, %s here", control.Count(a.Sends, "task"), control.Count(a.Receives, "replica"))}
	}
	return []string{
		detail("sends", "%s to here; it may write into %s here", control.Count(a.Sends, "task"), s.poolUses(a.MayWrite)),
		detail("receives", "%s of shares here; this one may write into %s there", control.Count(a.Receives, "replica"), s.poolUses(a.MayReceive)),
		detail("lanes", "%s    limit %s", cmp.Or(a.Lanes, control.LanesAuto), s.limitText(a.LimitBytesPerSecond)),
	}
}

// seenText says when an appliance answered last, and how.
func seenText(a control.Appliance, now time.Time) string {
	if a.LastSeenAt.IsZero() {
		return "never"
	}
	text := control.Ago(now.Sub(a.LastSeenAt))
	if a.RTTSeconds != nil {
		text += ", round trip " + lasting(a.RTTSeconds).text
	}
	if a.ClockOffsetSeconds != nil {
		text += ", its clock " + offset(a.ClockOffsetSeconds).text
	}
	return text
}

// memberText says how an appliance came into the mesh, and who did by it.
func (s *session) memberText(a control.Appliance) string {
	text := "founded the mesh"
	if a.AdmittedBy != "" {
		text = "admitted by " + a.AdmittedBy
	}
	if !a.PairedAt.IsZero() {
		text += " " + s.on(a.PairedAt).text
	}
	if len(a.Admitted) > 0 {
		text += "; it admitted " + strings.Join(a.Admitted, ", ")
	}
	return text
}

// poolUses is "tank (quota 2 TiB), vault", or "no pool".
func (s *session) poolUses(list []control.PoolUse) string {
	words := make([]string, 0, len(list))
	for _, u := range list {
		words = append(words, u.Pool+s.quota(u.QuotaBytes))
	}
	if len(words) == 0 {
		return "no pool"
	}
	return strings.Join(words, ", ")
}
