package control_test

import (
	"strings"
	"testing"
	"time"

	"btrmesh/mesh/control"
)

// tib and gib are sizes in the rows below.
const (
	gib = int64(1 << 30)
	tib = int64(1 << 40)
)

// day is the date of the rows below.
var day = time.Date(2026, 11, 23, 9, 41, 0, 0, time.UTC)

// rows are the errors an operator can meet, with exit code and text.
var rows = []struct {
	err  *control.Error
	exit int
	text string
}{
	{control.DaemonUnreachable("/run/s", "no such file"), 3, "cannot reach the daemon at /run/s: no such file. It does not appear to be running.\nhint: sudo systemctl start btrmesh"},
	{control.SocketDenied("/run/s"), 4, "permission denied on /run/s (group btrmesh)."},
	{control.ReadOnlyUser(), 4, "changing needs root or group btrmesh-admin; you may read."},
	{control.ShareNotFound("photo", "nas-a", "photos"), 5, "no share \"photo\" on nas-a. Did you mean photos?\nhint: btrmesh share list"},
	{control.ShareNotFound("x", "nas-a", ""), 5, "no share \"x\" on nas-a.\nhint: btrmesh share list"},
	{control.NotASubvolume("/mnt2/tank/music"), 6, "/mnt2/tank/music is a directory, not a btrfs subvolume, so it cannot be snapshotted.\n  to turn it into one: btrfs subvolume create /mnt2/tank/music.new && cp -a --reflink /mnt2/tank/music/. /mnt2/tank/music.new/\n  then: mv /mnt2/tank/music /mnt2/tank/music.old && mv /mnt2/tank/music.new /mnt2/tank/music"},
	{control.NotBtrfs("/srv/data", "ext4", []string{"/mnt2/tank"}), 6, "/srv/data is ext4; a pool is a mounted btrfs file system.\n  btrfs here: /mnt2/tank"},
	{control.ApplianceNotFound("nas-d", []string{"nas-a", "nas-b"}), 5, "nas-d is not a known appliance.\n  known: nas-a, nas-b\nhint: sudo btrmesh pair invite"},
	{control.PoolNotFound("nas-b", "tank2", []control.Pool{{Name: "tank", FreeBytes: new(2 * tib)}, {Name: "old"}}), 5, "nas-b has no pool \"tank2\".\n  tank, 2.0 TiB free\n  old\nhint: btrmesh pool list --on nas-b"},
	{control.NotGranted("nas-b", "nas-a", "tank"), 4, "nas-b does not let nas-a write into pool tank.\nhint: on nas-b: sudo btrmesh pool allow tank nas-a"},
	{control.QuotaExceeded("nas-a", "nas-b", "tank", tib*198/100, 2*tib, 64*gib), 8, "nas-a has used 1.98 of 2.0 TiB granted in nas-b:tank; this run needs ~64.0 GiB.\nhint: on nas-b: sudo btrmesh pool allow tank nas-a --quota 3T"},
	{control.FrequencyTooSmall(30), 2, "frequency is 30 s; the least is 60 s.\nhint: --every 60"},
	{control.TaskExists("photos", "nas-b", "tank", "photos-nas-b", day), 6, "photos already replicates to nas-b:tank (task photos-nas-b, disabled since 2026-11-23).\nhint: btrmesh task enable photos-nas-b"},
	{control.TaskExists("photos", "nas-b", "tank", "photos-nas-b", time.Time{}), 6, "photos already replicates to nas-b:tank (task photos-nas-b).\nhint: btrmesh task list"},
	{control.NoTaskDelete("vm"), 2, "tasks are not deleted, so that their history stays.\nhint: btrmesh task disable vm"},
	{control.TaskDisabled("vm"), 6, "vm is disabled.\nhint: btrmesh task enable vm"},
	{control.InviteExpired("nas-a", 4*time.Minute), 4, "this invite expired 4 minutes ago.\nhint: on nas-a: sudo btrmesh pair invite"},
	{control.InviteUsed("Z4MDK7Q", day, "192.168.1.11"), 4, "this invite was used by Z4MDK7Q at 2026-11-23 09:41:00 from 192.168.1.11. If that was not you: btrmesh appliance remove Z4MDK7Q"},
	{control.InviteMismatch("192.168.1.10", "77KM3XA", "QH3T6YP"), 4, "192.168.1.10 is not the appliance that made this invite: it shows 77KM3XA, the code says QH3T6YP. Nothing was stored."},
	{control.OtherMesh("nas-b", 3, "nas-a"), 6, "nas-b already belongs to a mesh of 3 appliances, nas-a to another.\n  only a fresh appliance can join"},
	{control.NameTaken("nas-b"), 6, "the mesh already has an appliance called nas-b.\nhint: btrmesh appliance rename nas-b2"},
	{control.PeerUnreachable("nas-b", []control.Attempt{{Address: "192.168.1.11:7945", Outcome: "timeout 5s"}, {Address: "10.0.0.11:7945", Outcome: "refused"}}), 7, "nas-b did not answer at 192.168.1.11:7945 (timeout 5s) nor 10.0.0.11:7945 (refused).\nhint: btrmesh status nas-b"},
	{control.PeerRemoved("nas-c", "nas-b", day), 4, "nas-c was removed from the mesh by nas-b on 2026-11-23.\nhint: btrmesh appliance keep nas-c"},
	{control.ServiceOff("nas-b", false), 6, "the replication service is off on nas-b.\nhint: on nas-b: sudo btrmesh service on"},
	{control.ProtocolMismatch("nas-c", 1, 2), 6, "nas-c speaks protocol 1, this daemon needs 2.\n  upgrade targets first"},
	{control.NoSpace("nas-b", "tank", gib*401/10, 64*gib, 5), 8, "nas-b:tank has 40.1 GiB free, the run needs ~64.0 GiB and the reserve is 5%. Nothing was sent.\nhint: btrmesh pool list --on nas-b"},
	{control.NoCommonSnapshot("photos-nas-b", "nas-b", 64*gib), 8, "photos-nas-b has no snapshot in common with nas-b any more; a full send of ~64.0 GiB is needed.\nhint: btrmesh task run photos-nas-b --full"},
	{control.ReplicaModified("photos@nas-a", "nas-b", "nas-a", "photos-nas-b"), 6, "photos@nas-a on nas-b was made writable by hand; it was left untouched.\n  a full send puts a new copy beside it\nhint: on nas-a: btrmesh task run photos-nas-b --full"},
	{control.ReplicaPromoted("photos@nas-a", "nas-b", "nas-a", day, 300), 6, "photos@nas-a was promoted on nas-b on 2026-11-23; runs from nas-a are refused.\nhint: on nas-b: btrmesh replica reverse photos@nas-a --every 300"},
	{control.RemovalHeld(control.HeldRemoval{By: "nas-b", Subjects: []string{"nas-c"}, Members: 1}), 6, "nas-b removes 1 of 1 appliance at once: nas-c. That is held here until you decide.\nhint: sudo btrmesh appliance keep nas-c  # it stays\nhint: sudo btrmesh appliance remove nas-c  # it goes\nhint: sudo btrmesh appliance remove nas-b  # it is nas-b that is not to be trusted"},
	{control.ClonedIdentity("nas-a", []string{"192.168.1.50:7945"}), 6, "this key is also used by another machine (192.168.1.50:7945); nothing is received until that is settled.\n  stop btrmesh on the copy and give it a new identity: remove its state directory, then pair it anew\nhint: sudo btrmesh appliance keep nas-a  # on the machine that goes on"},
	{control.NotAdmitted("nas-e", "nas-c", []string{"nas-d"}), 6, "nas-e was not admitted by nas-c.\n  admitted by it: nas-d\nhint: sudo btrmesh appliance remove nas-e"},
	{control.BadAddress("a:b:c"), 2, "cannot read the address \"a:b:c\".\n  give a host name or IP address, with the port if it is not 7945: 192.168.1.11, nas-b.example:7946, [fd00::11]:7945"},
	{control.AddressNotFound("nas-b", "10.0.0.9:7945", []string{"10.0.0.11:7945"}), 5, "10.0.0.9:7945 is no address that was added to nas-b.\n  added: 10.0.0.11:7945\nhint: btrmesh appliance show nas-b"},
	{control.NeedsYes("promote"), 2, "promote needs a terminal to ask, or --yes."},
	{control.NotConfirmed("photos"), 2, "that is not photos; nothing was changed."},
	{control.DiscoverFailed("there is no network"), 1, "cannot look for appliances on this network: there is no network.\n  pairing needs no discovery: btrmesh pair join CODE --at HOST"},
	{control.SelfTarget("nas-a"), 2, "nas-a cannot be its own target."},
	{control.PortTaken(7945, "btrmesh (pid 812)"), 1, "udp 7945 is in use. Set port in /etc/btrmesh/config.toml.\n  it is held by btrmesh (pid 812)"},
	{control.SecondDaemon("/var/lib/btrmesh", 812), 6, "another btrmesh daemon uses /var/lib/btrmesh (pid 812)."},
	{control.WideModes("/var/lib/btrmesh", 0o755, 0o700), 6, "/var/lib/btrmesh has mode 0755, which lets others in.\nhint: sudo chmod 0700 /var/lib/btrmesh"},
	{control.Timeout(10 * time.Second), 124, "the daemon did not answer within 10s."},
}

func TestErrorRowsReadAsDocumented(t *testing.T) {
	for _, row := range rows {
		want := "btrmesh: error: " + strings.ReplaceAll(row.text, "\nhint: ", "\nbtrmesh: hint: ") + "\n"
		if got := row.err.Text(); got != want {
			t.Errorf("%s reads\n%swant\n%s", row.err.Code, got, want)
		}
		if row.err.Exit != row.exit {
			t.Errorf("%s exits with %d, want %d", row.err.Code, row.err.Exit, row.exit)
		}
	}
}

func TestErrorIsOneLineOfJSON(t *testing.T) {
	want := `{"schema":1,"kind":"error","code":"pool_not_found","exit":5,"message":"nas-b has no pool \"x\".",` +
		`"facts":["tank"],"hints":["btrmesh pool list --on nas-b"]}` + "\n"
	if got := string(control.PoolNotFound("nas-b", "x", []control.Pool{{Name: "tank"}}).JSON()); got != want {
		t.Errorf("JSON is %s", got)
	}
}

func TestForeignTextCannotSteerTheTerminal(t *testing.T) {
	e := control.Usage("a\x1b[31mb\nc\u009bd").Fact("x\ry")
	if got, want := e.Text(), "btrmesh: error: a [31mb c d\n  x y\n"; got != want {
		t.Errorf("text is %q, want %q", got, want)
	}
}
