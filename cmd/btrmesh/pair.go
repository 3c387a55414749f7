package main

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"btrmesh/mesh/control"
)

func pairCommand() *cli.Command {
	return group("pair", "bring another appliance into the mesh",
		leaf{
			name: "invite", usage: "make an invite and wait until it is used", run: runPairInvite,
			flags: append(grantFlags("let the joining appliance write into `POOL` here"),
				durationFlag("ttl", "how long the invite is good (default: 15m)"),
				&cli.BoolFlag{Name: "no-wait", Usage: "do not wait until it is used"}),
		}.command(),
		leaf{
			name: "join", usage: "join the mesh of the appliance that made an invite; CODE - reads it from stdin",
			args: []string{"CODE"}, slow: true, run: runPairJoin,
			flags: append([]cli.Flag{&cli.StringFlag{Name: "at", Usage: "`HOST[:PORT]` of the inviting appliance"}},
				grantFlags("let the inviting appliance write into `POOL` here")...),
		}.command(),
		leaf{
			name: "discover", usage: "look for appliances on this network for 3 seconds, or as long as --timeout says",
			run: runPairDiscover,
		}.command(),
		leaf{name: "list", aliases: []string{"ls"}, usage: "list open invites", run: runPairList}.command(),
		leaf{name: "revoke", usage: "close an open invite", args: []string{"ID"}, run: runPairRevoke}.command())
}

// grantFlags are the grant that goes along with a pairing.
func grantFlags(text string) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "receive-into", Usage: text},
		sizeFlag("quota", "at most `SIZE` (500G, 2T)"),
	}
}

// checkGrant refuses a quota of nothing.
func (s *session) checkGrant() error {
	if s.given("quota") && s.text("receive-into") == "" {
		return control.Usage("--quota needs --receive-into.")
	}
	return nil
}

func runPairInvite(s *session) error {
	if err := s.checkGrant(); err != nil {
		return err
	}
	a, err := s.client.CreateInvite(s.ctx, control.CreateInvite{
		ReceiveInto: s.text("receive-into"), QuotaBytes: s.size("quota"), TTLSeconds: s.seconds("ttl"),
	})
	if err != nil {
		return err
	}
	if err := s.printInvite(a); err != nil || s.has("no-wait") {
		return err
	}
	return s.awaitJoin(a.Value)
}

// printInvite prints what to type on the other appliance.
func (s *session) printInvite(a control.Answer[control.Invite]) error {
	if s.json {
		return s.raw(a.Raw)
	}
	i := a.Value
	grants := "It lets the joining appliance write into no pool here."
	if i.ReceiveInto != "" {
		grants = "It lets the joining appliance write into pool " + i.ReceiveInto + " here" + s.suffix(", at most %s", i.QuotaBytes) + "."
	}
	if err := s.say("Invite %d of %s (%s), valid %s, one use.", i.Number, i.Appliance, shortID(i.ApplianceID).text,
		control.InWords(i.ExpiresAt.Sub(i.CreatedAt))); err != nil {
		return err
	}
	return s.block(grants, "On the other appliance run:", "", "    sudo btrmesh pair join "+i.Code+" --at "+i.Address, "")
}

// awaitJoin waits until an invite is used or void. Ctrl-C ends the waiting, not
// the invite.
func (s *session) awaitJoin(made control.Invite) error {
	if err := s.note("Waiting. Ctrl-C stops waiting, the invite stays open; close it with: btrmesh pair revoke %d", made.Number); err != nil {
		return err
	}
	var last control.Answer[control.Invite]
	err := s.client.FollowInvite(s.ctx, control.InviteRequest{Number: made.Number}, func(a control.Answer[control.Invite]) error {
		last = a
		return nil
	})
	switch {
	case s.ctx.Err() != nil:
		return errors.Join(s.note("Stopped waiting. Invite %d stays open.", made.Number), exitError(control.ExitInterrupted))
	case err != nil:
		return err
	}
	return s.printJoiner(last)
}

// printJoiner says how an invite ended.
func (s *session) printJoiner(a control.Answer[control.Invite]) error {
	i := a.Value
	switch {
	case i.State == control.ExpiredInvite:
		return control.Errorf(control.CodeInviteExpired, "invite %d expired without being used.", i.Number).Hint("sudo btrmesh pair invite")
	case i.State != control.UsedInvite || i.UsedBy == nil:
		return control.Errorf(control.CodeInviteRefused, "invite %d is %s.", i.Number, i.State).Hint("sudo btrmesh pair invite")
	case s.json:
		return s.raw(a.Raw)
	}
	may := "is paired"
	if i.ReceiveInto != "" {
		may += " and may write into " + i.ReceiveInto
	}
	who, from := i.UsedBy, shortID(i.UsedBy.ID).text
	if who.Address != "" {
		from += ", " + who.Address
	}
	return s.block("✓ "+who.Name+" ("+from+") "+may+".",
		"  next: btrmesh task add SHARE --to "+who.Name+" --pool POOL --every 300")
}

// maxCode bounds what is read from stdin as a code.
const maxCode = 4096

func runPairJoin(s *session) error {
	if err := s.need("at"); err != nil {
		return err
	}
	if err := s.checkGrant(); err != nil {
		return err
	}
	code, err := s.code()
	if err != nil {
		return err
	}
	a, err := s.client.Join(s.ctx, control.JoinMesh{
		Code: code, Address: s.text("at"), ReceiveInto: s.text("receive-into"), QuotaBytes: s.size("quota"),
	})
	if err != nil {
		return err
	}
	if s.json {
		return s.raw(a.Raw)
	}
	return s.block(joinedLines(a.Value)...)
}

// code returns the code of the line, or the first line of stdin for "-".
func (s *session) code() (string, error) {
	if s.arg(0) != "-" {
		return s.arg(0), nil
	}
	text, err := bufio.NewReader(io.LimitReader(s.in, maxCode)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", control.Errorf(control.CodeUsage, "cannot read the code from stdin: %v.", err)
	}
	if text = strings.TrimSpace(text); text == "" {
		return "", control.Usage("there is no code on stdin.")
	}
	return text, nil
}

// joinedLines says what a pairing brought about.
func joinedLines(j control.Joined) []string {
	first := j.Inviter + " at " + j.Address + " is the appliance that made this invite."
	if j.ClockOffsetSeconds != nil {
		first += " Clocks differ by " + strings.TrimLeft(offset(j.ClockOffsetSeconds).text, "+-") + "."
	}
	lines := []string{
		first,
		"✓ paired with " + j.Inviter + "; " + j.Self + " is now one of " +
			control.Count(int64(len(j.Appliances)), "appliance") + ": " + strings.Join(j.Appliances, ", ") + ".",
	}
	mine := j.Inviter + " lets " + j.Self + " write into none of its pools yet."
	if j.MayWriteInto != "" {
		mine = j.Inviter + " lets " + j.Self + " write into its pool " + j.MayWriteInto + "."
	}
	if j.MayReceiveInto != "" {
		return append(lines, "  "+mine+" It may write into pool "+j.MayReceiveInto+" of "+j.Self+".")
	}
	pool := "POOL"
	if len(j.Pools) > 0 {
		pool = j.Pools[0]
	}
	return append(lines, "  "+mine+" Nobody may write into a pool of "+j.Self+" yet:", "    btrmesh pool allow "+pool+" "+j.Inviter)
}

func runPairList(s *session) error {
	a, err := s.client.Invites(s.ctx)
	if err != nil {
		return err
	}
	t := &table{columns: columns("=INVITE", "=CREATED", "=EXPIRES", "RECEIVES INTO", ">QUOTA", "USED BY")}
	for _, i := range a.Value {
		expires := s.at(i.ExpiresAt)
		expires.text = "in " + control.Duration(i.ExpiresAt.Sub(a.Time).Truncate(time.Second))
		t.add(false, whole(int64(i.Number)), s.at(i.CreatedAt), expires, word(i.ReceiveInto), s.bytes(i.QuotaBytes),
			usedBy(i.UsedBy))
	}
	return s.list(a.Raw, t, "No invite is open. Make one: sudo btrmesh pair invite")
}

// usedBy is a cell of who came with an invite. Until it is stored on both sides
// an invite is open and has a joiner without a name.
func usedBy(j *control.Joiner) cell {
	switch {
	case j == nil:
		return word("")
	case j.Name == "":
		return shortID(j.ID)
	}
	return word(j.Name)
}

func runPairRevoke(s *session) error {
	number := countValue{flag: "ID"}
	if number.Set(s.arg(0)) != nil {
		return number.failure()
	}
	a, err := s.client.RevokeInvite(s.ctx, control.InviteRequest{Number: uint64(number.n)})
	switch {
	case err != nil:
		return err
	case s.json:
		return s.raw(a.Raw)
	}
	return s.say("✓ invite %d is closed; its code is worth nothing now.", a.Value.Number)
}
