package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"btrmesh/mesh/control"
)

func poolCommand() *cli.Command {
	return group("pool", "btrfs file systems and who may write into them",
		leaf{
			name: "list", aliases: []string{"ls"}, usage: "list pools", flags: whereFlags(), slow: true, run: runPoolList,
		}.command(),
		leaf{
			name: "allow", usage: "let an appliance write into a pool here", args: []string{"POOL", "APPLIANCE"}, dry: true,
			flags: []cli.Flag{
				sizeFlag("quota", "at most `SIZE` (500G, 2T)"),
				&cli.StringSliceFlag{Name: "share", Usage: "this `SHARE` only; may be repeated"},
				durationFlag("min-keep", "keep its snapshots at least `DURATION` (30d)"),
			},
			run: runPoolAllow,
		}.command(),
		leaf{
			name: "deny", usage: "no longer let an appliance write into a pool here", args: []string{"POOL", "APPLIANCE"}, dry: true,
			run: runPoolDeny,
		}.command())
}

// whereFlags choose whose things are listed.
func whereFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "on", Usage: "those of `APPLIANCE`"},
		&cli.BoolFlag{Name: "all", Usage: "those of every appliance"},
	}
}

// where checks that not both of whereFlags are given.
func (s *session) where() error {
	if s.has("all") && s.given("on") {
		return control.Usage("--on and --all exclude each other.")
	}
	return nil
}

func runPoolList(s *session) error {
	if err := s.where(); err != nil {
		return err
	}
	a, err := s.client.Pools(s.ctx, control.PoolsRequest{On: s.text("on"), All: s.has("all")})
	if err != nil {
		return err
	}
	t := &table{columns: columns("APPLIANCE", "POOL", "PATH", ">SIZE", ">FREE", "=PROFILE", "RECEIVES FROM", ">REPLICAS")}
	for _, p := range a.Value {
		t.add(p.Self, word(p.Appliance), word(p.Name), word(p.Path), s.bytes(p.SizeBytes), s.bytes(p.FreeBytes),
			word(p.Profile), s.grants(p.ReceivesFrom), whole(p.Replicas))
	}
	if err := s.silences(a.Head); err != nil {
		return err
	}
	return s.list(a.Raw, t, "No pool is known: mount a btrfs file system that has a label, or start the daemon with --pool NAME=PATH")
}

// grants is a cell of who may write.
func (s *session) grants(list []control.Grant) cell {
	names := make([]string, 0, len(list))
	for _, g := range list {
		names = append(names, g.Appliance+s.quota(g.QuotaBytes))
	}
	return words(names)
}

// quota is " (quota 2 TiB)", or nothing where there is none.
func (s *session) quota(n *int64) string {
	if n == nil {
		return ""
	}
	return fmt.Sprintf(" (quota %s)", strings.Replace(s.units.Size(*n), ".0 ", " ", 1))
}

func runPoolAllow(s *session) error {
	a, err := s.client.AllowPool(s.ctx, control.AllowPool{
		Pool: s.arg(0), Appliance: s.arg(1), QuotaBytes: s.size("quota"), Shares: s.many("share"),
		MinKeepSeconds: s.seconds("min-keep"), Dry: control.Dry{DryRun: s.dry},
	})
	return changed(s, a, err, a.Value.Plan, s.allowedLines)
}

// allowedLines says what an appliance may do from now on.
func (s *session) allowedLines(c control.GrantChange) []string {
	return []string{fmt.Sprintf("✓ %s may write into %s, %s. Undo: btrmesh pool deny %s %s",
		c.Appliance, c.Pool, s.terms(c.Grant), c.Pool, c.Appliance)}
}

// terms says what a grant covers: "all shares, at most 2.0 TiB".
func (s *session) terms(g *control.Grant) string {
	if g == nil {
		return "all shares"
	}
	text := "all shares"
	if len(g.Shares) > 0 {
		text = "only " + strings.Join(g.Shares, ", ")
	}
	if g.QuotaBytes != nil {
		text += ", at most " + s.units.Size(*g.QuotaBytes)
	}
	if g.MinKeepSeconds != nil {
		text += ", kept at least " + control.Duration(control.Seconds(float64(*g.MinKeepSeconds)))
	}
	return text
}

func runPoolDeny(s *session) error {
	a, err := s.client.DenyPool(s.ctx, control.DenyPool{Pool: s.arg(0), Appliance: s.arg(1), Dry: control.Dry{DryRun: s.dry}})
	return changed(s, a, err, a.Value.Plan, deniedLines)
}

// deniedLines says what an appliance may not do any more.
func deniedLines(c control.GrantChange) []string {
	if c.Unchanged {
		return []string{c.Appliance + " may not write into " + c.Pool + " anyway."}
	}
	text := fmt.Sprintf("✓ %s may no longer write into %s.", c.Appliance, c.Pool)
	if c.StoppedRuns > 0 {
		text += fmt.Sprintf(" %s ended.", control.Count(c.StoppedRuns, "running receive"))
	}
	if c.Replicas > 0 {
		text += fmt.Sprintf(" %s of it stay.", control.Count(c.Replicas, "replica"))
	}
	return []string{text + " Undo: btrmesh pool allow " + c.Pool + " " + c.Appliance}
}
