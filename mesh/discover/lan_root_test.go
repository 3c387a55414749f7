//go:build root

package discover

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"btrmesh/certs"
)

// The test binary plays the appliances in their network namespaces:
// `discover.test announce-as NAME` until stdin ends, `discover.test
// find-without NAME TIMEOUT` once.
func TestMain(m *testing.M) {
	if len(os.Args) < 3 {
		os.Exit(m.Run())
	}
	var err error
	switch os.Args[1] {
	case "announce-as":
		err = playAnnounce(os.Args[2])
	case "find-without":
		err = playFind(os.Args[2], os.Args[3])
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func idOf(name string) certs.ID { return certs.ID([]byte(fmt.Sprintf("%-32s", name))) }

func playAnnounce(name string) error {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		p := Presence{ID: idOf(name), Name: name, Port: 7945, Mesh: "QH3T6YP"}
		Announce(ctx, func() Presence { return p }, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	}()
	_, err := io.Copy(io.Discard, os.Stdin)
	cancel()
	<-done
	return err
}

func playFind(self, timeout string) error {
	wait, err := time.ParseDuration(timeout)
	if err != nil {
		return err
	}
	found, err := Find(context.Background(), idOf(self), wait, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(found)
}

// lanNamespaces makes namespaces with a cable between the first two, and
// returns their names.
func lanNamespaces(t *testing.T, addresses ...string) []string {
	t.Helper()
	var names []string
	for i := range addresses {
		name := fmt.Sprintf("bmdisc-%d-%d", os.Getpid(), i)
		mustRun(t, "ip", "netns", "add", name)
		t.Cleanup(func() { mustRun(t, "ip", "netns", "del", name) })
		mustRun(t, "ip", "-n", name, "link", "set", "lo", "up")
		names = append(names, name)
	}
	if len(names) < 2 {
		return names
	}
	mustRun(t, "ip", "-n", names[0], "link", "add", "lan0", "type", "veth", "peer", "name", "lan0", "netns", names[1])
	for i, a := range addresses {
		mustRun(t, "ip", "-n", names[i], "addr", "add", a, "dev", "lan0", "nodad")
		mustRun(t, "ip", "-n", names[i], "link", "set", "lan0", "up")
	}
	return names
}

func mustRun(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
}

// play runs this binary in a namespace.
func play(ns string, args ...string) (*exec.Cmd, *bytes.Buffer) {
	cmd := exec.Command("ip", append([]string{"netns", "exec", ns, os.Args[0]}, args...)...)
	messages := new(bytes.Buffer)
	cmd.Stderr = messages
	return cmd, messages
}

// announce lets an appliance announce itself until the test ends.
func announce(t *testing.T, ns, name string) {
	t.Helper()
	cmd, messages := play(ns, "announce-as", name)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stdin.Close(); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("announcing: %v: %s", err, messages)
		}
	})
}

// find looks for appliances in a namespace.
func find(t *testing.T, ns, self string, timeout time.Duration) []Found {
	t.Helper()
	cmd, messages := play(ns, "find-without", self, timeout.String())
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("finding: %v: %s", err, messages)
	}
	var found []Found
	if err := json.Unmarshal(out, &found); err != nil {
		t.Fatalf("finding says %s: %v", out, err)
	}
	return found
}

func TestAppliancesOnOneCableFindEachOther(t *testing.T) {
	for name, c := range map[string]struct {
		addresses [2]string
		gateway   string // of the searching side; empty: it has none
		want      string
	}{
		"IPv4 with a default route":    {[2]string{"192.168.77.1/24", "192.168.77.2/24"}, "192.168.77.2", "192.168.77.2:7945"},
		"IPv4 without a default route": {[2]string{"192.168.78.1/24", "192.168.78.2/24"}, "", "192.168.78.2:7945"},
		"IPv6 alone":                   {[2]string{"fd77::1/64", "fd77::2/64"}, "", "[fd77::2]:7945"},
	} {
		t.Run(name, func(t *testing.T) {
			ns := lanNamespaces(t, c.addresses[0], c.addresses[1])
			if c.gateway != "" {
				mustRun(t, "ip", "-n", ns[0], "route", "add", "default", "via", c.gateway)
			}
			announce(t, ns[0], "nas-a") // our own, which is left out
			announce(t, ns[1], "nas-b")
			found := find(t, ns[0], "nas-a", 4*time.Second)
			if len(found) != 1 || found[0].Name != "nas-b" || found[0].ID != idOf("nas-b") || found[0].Addr.String() != c.want || found[0].Mesh != "QH3T6YP" {
				t.Errorf("found %+v, want nas-b at %s", found, c.want)
			}
		})
	}
}

func TestWithoutANetworkFindingFailsAndAnnouncingGoesOn(t *testing.T) {
	ns := lanNamespaces(t, "")
	announce(t, ns[0], "nas-a")
	cmd, messages := play(ns[0], "find-without", "nas-b", "1s")
	if err := cmd.Run(); err == nil || !strings.Contains(messages.String(), errNoPlace.Error()) {
		t.Errorf("finding ends with %v: %s", err, messages)
	}
}
