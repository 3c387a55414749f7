//go:build root

package test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"btrmesh/btrfs"
	"btrmesh/btrfs/btrfstest"
	"btrmesh/mesh/control"
	"btrmesh/test/journal"
)

// program is the built btrmesh, made once for all tests.
var program string

func TestMain(m *testing.M) {
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	if target := os.Getenv(floodTarget); target != "" {
		return runFlood(target)
	}
	dir, err := os.MkdirTemp("", "btrmesh-test")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }() // a temporary directory
	program = filepath.Join(dir, "btrmesh")
	build := exec.Command("go", "build", "-o", program, "btrmesh/cmd/btrmesh")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// labs counts the labs, whose devices need names of their own: some tests run
// side by side.
var labs atomic.Int32

// lab is a bridge with one network namespace per appliance on it.
type lab struct {
	t      *testing.T
	tag    string // in the names of its devices and namespaces
	bridge string
	nodes  []*appliance
}

// appliance is one real daemon: own namespace, own pool on a loop device, own
// state directory.
type appliance struct {
	t      *testing.T
	name   string
	ns     string
	addr   string
	listen string // "": addr and the default port
	wire   string // the bridge's end of eth0
	dir    string
	pool   *btrfs.Pool
	config string
	client *control.Client
	log    *os.File
	cmd    *exec.Cmd
	ended  chan struct{}
}

// poolSize leaves room: the space of deleted subvolumes comes back late.
const poolSize = 6 << 30

// newLab makes one appliance for each name, paired with nobody, daemons not
// started yet.
func newLab(t *testing.T, names ...string) *lab {
	t.Helper()
	return newLabOf(t, poolSize, names...)
}

// newLabOf is newLab with pools of a size.
func newLabOf(t *testing.T, size int64, names ...string) *lab {
	t.Helper()
	l := &lab{t: t, tag: nextTag()}
	l.bridge = "bmb" + l.tag
	mustRun(t, "ip", "link", "add", l.bridge, "type", "bridge")
	t.Cleanup(func() { mustRun(t, "ip", "link", "del", l.bridge) })
	mustRun(t, "ip", "link", "set", l.bridge, "up")
	for i, name := range names {
		l.nodes = append(l.nodes, l.add(name, i, size))
	}
	return l
}

// nextTag tells the devices of a lab from those of others.
func nextTag() string { return fmt.Sprintf("%d-%d", os.Getpid()%1000000, labs.Add(1)) }

func (l *lab) add(name string, i int, size int64) *appliance {
	l.t.Helper()
	a := l.prepare(name, fmt.Sprintf("10.77.0.%d", i+1), size)
	a.ns, a.wire = l.namespace(name), l.plug(name, i, a.addr)
	return a
}

// prepare makes an appliance that is on no network yet.
func (l *lab) prepare(name, addr string, size int64) *appliance {
	l.t.Helper()
	a := &appliance{t: l.t, name: name, addr: addr, dir: l.t.TempDir()}
	a.client = control.NewClient(a.socket(), 10*time.Second)
	a.pool = btrfstest.NewPool(l.t, btrfstest.PoolOptions{Size: size})
	a.config = filepath.Join(a.dir, "config.toml")
	if err := os.WriteFile(a.config, nil, 0o640); err != nil {
		l.t.Fatal(err)
	}
	a.openLog()
	return a
}

// space names the network namespace of an appliance or a router.
func (l *lab) space(name string) string { return "bm" + l.tag + "-" + name }

// namespace makes a network namespace and returns its name.
func (l *lab) namespace(name string) string {
	l.t.Helper()
	ns := l.space(name)
	mustRun(l.t, "ip", "netns", "add", ns)
	l.t.Cleanup(func() { mustRun(l.t, "ip", "netns", "del", ns) })
	mustRun(l.t, "ip", "-n", ns, "link", "set", "lo", "up")
	return ns
}

// plug puts eth0 of a namespace on the bridge, and returns the name of the other
// end of the wire.
func (l *lab) plug(name string, i int, addr string) string {
	l.t.Helper()
	ns, wire := l.space(name), fmt.Sprintf("bm%s-%d", l.tag, i)
	mustRun(l.t, "ip", "link", "add", wire, "type", "veth", "peer", "name", "eth0", "netns", ns)
	mustRun(l.t, "ip", "link", "set", wire, "master", l.bridge, "up")
	mustRun(l.t, "ip", "-n", ns, "addr", "add", addr+"/24", "dev", "eth0")
	mustRun(l.t, "ip", "-n", ns, "link", "set", "eth0", "up")
	return wire
}

func (a *appliance) openLog() {
	f, err := os.Create(filepath.Join(a.dir, "log"))
	if err != nil {
		a.t.Fatal(err)
	}
	a.log = f
	a.t.Cleanup(func() {
		a.kill(syscall.SIGKILL)
		text, _ := os.ReadFile(f.Name()) // shown as far as it is readable
		journal.Show(a.t, a.name, string(text))
		_ = f.Close() // the daemon wrote it
	})
}

// daemon returns the arguments of the appliance's daemon.
func (a *appliance) daemon() []string {
	return []string{
		"daemon", "--state", filepath.Join(a.dir, "state"), "--socket", a.socket(),
		"--listen", cmp.Or(a.listen, a.addr+":7945"), "--name", a.name, "--pool", "tank=" + a.pool.Path(), "--config", a.config,
	}
}

// start starts the daemon and waits until it answers.
func (a *appliance) start() {
	a.t.Helper()
	a.cmd = a.inside(program, a.daemon()...)
	a.cmd.Stdout, a.cmd.Stderr = a.log, a.log
	if err := a.cmd.Start(); err != nil {
		a.t.Fatal(err)
	}
	a.ended = make(chan struct{})
	go func(cmd *exec.Cmd, ended chan struct{}) {
		defer close(ended)
		_ = cmd.Wait() // how it ended is seen by the tests that care
	}(a.cmd, a.ended)
	a.eventually(patience, "daemon answers", func() bool {
		_, _, code := a.run("status", "--json")
		return code == 0
	})
}

func (a *appliance) socket() string { return filepath.Join(a.dir, "sock") }

// inside returns a command that runs in the appliance's network namespace.
func (a *appliance) inside(name string, args ...string) *exec.Cmd {
	return exec.Command("nsenter", append([]string{"--net=/run/netns/" + a.ns, name}, args...)...)
}

// kill ends the daemon by a signal and waits for it.
func (a *appliance) kill(sig syscall.Signal) {
	if a.cmd == nil {
		return
	}
	_ = a.cmd.Process.Signal(sig) // it may have ended by itself
	<-a.ended
	a.cmd = nil
}

// run runs a client command and returns what it printed and its exit code.
func (a *appliance) run(args ...string) (stdout, stderr string, code int) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, append([]string{"--socket", a.socket()}, args...)...)
	var out, diag bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &diag
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return out.String(), diag.String(), 0
	case errors.As(err, &exit):
		return out.String(), diag.String(), exit.ExitCode()
	}
	a.t.Fatalf("%s: %v", strings.Join(args, " "), err)
	return "", "", 0
}

// must runs a client command that has to succeed.
func (a *appliance) must(args ...string) string {
	a.t.Helper()
	out, diag, code := a.run(args...)
	if code != 0 {
		a.t.Fatalf("%s: btrmesh %s: exit %d\n%s%s", a.name, strings.Join(args, " "), code, out, diag)
	}
	return out
}

// refuses runs a client command that has to fail with a code and a text.
func (a *appliance) refuses(code int, text string, args ...string) {
	a.t.Helper()
	out, diag, got := a.run(args...)
	if got != code || !strings.Contains(diag, text) {
		a.t.Errorf("%s: btrmesh %s: exit %d, want %d with %q; got\n%s%s", a.name, strings.Join(args, " "), got, code, text, out, diag)
	}
	if out != "" {
		a.t.Errorf("%s: btrmesh %s: failed, but wrote to stdout: %s", a.name, strings.Join(args, " "), out)
	}
}

// items asks for a list as JSON.
func items[T any](a *appliance, args ...string) []T {
	a.t.Helper()
	var answer struct{ Items []T }
	if err := json.Unmarshal([]byte(a.must(append(args, "--json")...)), &answer); err != nil {
		a.t.Fatalf("%s: %v", strings.Join(args, " "), err)
	}
	return answer.Items
}

func (a *appliance) eventually(limit time.Duration, what string, is func() bool) {
	a.t.Helper()
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if is() {
			return
		}
	}
	a.t.Fatalf("%s: not within %v: %s", a.name, limit, what)
}

// pair pairs b with a, and lets a write into b's pool.
func pair(a, b *appliance) {
	a.t.Helper()
	var invite struct{ Item struct{ Code string } }
	text := a.must("pair", "invite", "--no-wait", "--json")
	if err := json.Unmarshal([]byte(text), &invite); err != nil || invite.Item.Code == "" {
		a.t.Fatalf("invite: %v in %s", err, text)
	}
	b.must("pair", "join", invite.Item.Code, "--at", a.addr, "--receive-into", "tank")
}

// share makes a share in the appliance's pool and returns its path.
func (a *appliance) share(name string) string {
	a.t.Helper()
	dir, err := os.Open(a.pool.Path())
	if err != nil {
		a.t.Fatal(err)
	}
	defer func() { _ = dir.Close() }() // opened for reading
	if err := btrfs.CreateSubvolume(dir, name); err != nil {
		a.t.Fatal(err)
	}
	return filepath.Join(a.pool.Path(), name)
}

// newest returns where the newest committed snapshot of a replica is.
func (a *appliance) newest(source, share string) string {
	a.t.Helper()
	path, err := filepath.EvalSymlinks(filepath.Join(a.pool.Path(), ".btrmesh/replicas", source, share, "latest"))
	if err != nil {
		a.t.Fatal(err)
	}
	return path
}

// sent returns where the snapshot is that a task last sent.
func (a *appliance) sent(task string) string {
	a.t.Helper()
	shown := jsonOf[control.Task](a.t, a.must("task", "show", task, "--json"))
	path, err := filepath.EvalSymlinks(filepath.Join(a.pool.Path(), ".btrmesh/send", task, shown.Base))
	if err != nil {
		a.t.Fatal(err)
	}
	return path
}

// staged lists what is in the staging directory of the appliance's pool.
func (a *appliance) staged() []string {
	entries, err := os.ReadDir(filepath.Join(a.pool.Path(), ".btrmesh/incoming"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		a.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func mustRun(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Errorf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}
