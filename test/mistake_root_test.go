//go:build root

package test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"btrmesh/mesh/control"
)

func TestMistakesGetAnErrorACodeAndACureAndChangeNothing(t *testing.T) {
	l := newLab(t, "nas-a", "nas-b", "nas-c")
	a, b, c := l.nodes[0], l.nodes[1], l.nodes[2]
	for _, n := range l.nodes {
		n.start()
	}
	a.share("photos")
	if err := os.Mkdir(filepath.Join(a.pool.Path(), "music"), 0o755); err != nil {
		t.Fatal(err)
	}

	first, second := inviteOf(t, a), inviteOf(t, a)
	c.refuses(4, "10.77.0.2 has no open invite", "pair", "join", first, "--at", b.addr)
	inviteOf(t, b)
	c.refuses(4, "is not the appliance that made this invite", "pair", "join", first, "--at", b.addr)
	c.refuses(2, "invite", "pair", "join", first[:len(first)-1]+flip(first[len(first)-1]), "--at", a.addr)
	b.must("pair", "join", first, "--at", a.addr)
	c.refuses(4, "this invite was used by", "pair", "join", first, "--at", a.addr)
	c.refuses(7, "did not answer at 10.77.0.99:7945", "pair", "join", second, "--at", "10.77.0.99")

	add := func(args ...string) []string { return append([]string{"task", "add"}, args...) }
	a.refuses(4, "nas-b does not let nas-a write into pool tank", add("photos", "--to", "nas-b", "--pool", "tank", "--every", "300")...)
	b.must("pool", "allow", "tank", "nas-a")
	a.refuses(5, `nas-b has no pool "tonk"`, add("photos", "--to", "nas-b", "--pool", "tonk", "--every", "300")...)
	a.refuses(6, "music is a directory, not a btrfs subvolume", add("music", "--to", "nas-b", "--pool", "tank", "--every", "300")...)
	a.refuses(5, `no share "photo" on nas-a. Did you mean photos?`, add("photo", "--to", "nas-b", "--pool", "tank", "--every", "300")...)
	a.refuses(2, "frequency is 30 s; the least is 60 s", add("photos", "--to", "nas-b", "--pool", "tank", "--every", "30")...)
	a.refuses(5, "nas-d is not a known appliance", add("photos", "--to", "nas-d", "--pool", "tank", "--every", "300")...)
	a.refuses(2, "nas-a cannot be its own target", add("photos", "--to", "nas-a", "--pool", "tank", "--every", "300")...)
	a.refuses(2, "", add("photos", "--to", "nas-b", "--pool", "tank", "--every", "5 minutes")...)
	if tasks := items[control.Task](a, "task", "list"); len(tasks) != 0 {
		t.Errorf("a refused command left a task: %+v", tasks)
	}

	b.kill(syscall.SIGTERM)
	a.refuses(7, "nas-b did not answer", add("photos", "--to", "nas-b", "--pool", "tank", "--every", "300")...)
	b.start()
	a.eventually(patience, "nas-b answers", func() bool { // a dial from before may yet have to fail
		_, _, code := a.run("ping", "nas-b")
		return code == 0
	})
	a.must(add("photos", "--to", "nas-b", "--pool", "tank", "--every", "300")...)
	a.refuses(6, "photos already replicates to nas-b:tank", add("photos", "--to", "nas-b", "--pool", "tank", "--every", "300")...)
	a.refuses(2, "tasks are not deleted", "task", "delete", "photos-nas-b")
	a.must("task", "run", "photos-nas-b", "--wait")
	a.must("service", "off")
	a.refuses(6, "the replication service is off on nas-a", "task", "run", "photos-nas-b")
	a.must("service", "on")
	b.must("service", "off")
	a.refuses(8, "the replication service is off on nas-b", "task", "run", "photos-nas-b", "--wait")
	b.must("service", "on")
	a.must("task", "run", "photos-nas-b", "--wait")
	a.must("task", "disable", "photos-nas-b")
	a.refuses(6, "photos-nas-b is disabled", "task", "run", "photos-nas-b")

	daemonMistakes(t, a, b)
}

// flip returns another character of a code's alphabet.
func flip(c byte) string {
	if c == 'A' {
		return "B"
	}
	return "A"
}

func inviteOf(t *testing.T, a *appliance) string {
	t.Helper()
	return jsonOf[control.Invite](t, a.must("pair", "invite", "--no-wait", "--json")).Code
}

// daemonMistakes starts daemons that must not start.
func daemonMistakes(t *testing.T, a, b *appliance) {
	t.Helper()
	wantFailure(t, a, 6, "another btrmesh daemon uses", a.daemon()...)
	b.kill(syscall.SIGTERM)
	key := filepath.Join(b.dir, "state/identity.key")
	if err := os.Rename(key, key+".away"); err != nil {
		t.Fatal(err)
	}
	wantFailure(t, b, 6, "holds the state of appliance", b.daemon()...)
	if err := os.Rename(key+".away", key); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	wantFailure(t, b, 6, "which lets others in", b.daemon()...)
	if err := os.Chmod(key, 0o600); err != nil {
		t.Fatal(err)
	}
	b.start()
	b.refuses(3, "cannot reach the daemon at /nowhere", "task", "list", "--socket", "/nowhere")
}

func wantFailure(t *testing.T, a *appliance, code int, text string, args ...string) {
	t.Helper()
	cmd := a.inside(program, args...)
	done := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer done.Stop()
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != code || !strings.Contains(string(out), text) {
		t.Errorf("btrmesh %s: %v, want exit %d with %q; got\n%s", strings.Join(args, " "), err, code, text, out)
	}
}

func TestAFullTargetIsRefusedWithFiguresAndLeavesNothing(t *testing.T) {
	l := newLabOf(t, 512<<20, "nas-b")
	small := l.nodes[0]
	big := l.add("nas-a", 1, poolSize)
	small.start()
	big.start()
	pair(big, small)
	fill(t, big.share("photos"), "big", 700<<20)
	big.must("task", "add", "photos", "--to", "nas-b", "--pool", "tank", "--every", "3600")
	big.eventually(20*time.Second, "the first run has ended", func() bool { return progress(big, "photos-nas-b") == nil })
	big.refuses(8, "free, the run needs ~70", "task", "run", "photos-nas-b", "--wait")
	if left := small.staged(); len(left) != 0 {
		t.Errorf("staging after a refusal: %q", left)
	}
	if got := outcomes(big, small, "photos-nas-b", "photos@nas-a"); strings.Contains(strings.Join(got, " "), "ok") {
		t.Errorf("history %q", got)
	}
}
