//go:build root

package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// usage is what a daemon has used since it started.
type usage struct {
	processor         time.Duration
	sent, received    int64 // bytes of IP: of the frames but their Ethernet headers
	packets, ethernet int64 // sent packets; all bytes of both directions
}

// etherHeader is counted by the counters of a veth, and no part of IP.
const etherHeader = 14

// usage reads the counters of the bridge's end of the wire, which counts what the
// appliance sends as received, and proc_pid_stat(5).
func (a *appliance) usage() usage {
	a.t.Helper()
	sentPackets, gotPackets := a.counter("rx_packets"), a.counter("tx_packets")
	sent, got := a.counter("rx_bytes"), a.counter("tx_bytes")
	return usage{
		processor: a.processorTime(), sent: sent - etherHeader*sentPackets, received: got - etherHeader*gotPackets,
		packets: sentPackets, ethernet: sent + got,
	}
}

func (a *appliance) counter(name string) int64 {
	a.t.Helper()
	return number(a.t, readText(a.t, filepath.Join("/sys/class/net", a.wire, "statistics", name)))
}

// tick is the unit of times in proc_pid_stat(5) on every Linux that Go runs on.
const tick = 10 * time.Millisecond

func (a *appliance) processorTime() time.Duration {
	a.t.Helper()
	text := readText(a.t, fmt.Sprintf("/proc/%d/stat", a.cmd.Process.Pid))
	fields := strings.Fields(text[strings.LastIndex(text, ")")+1:]) // from the third one on
	return time.Duration(number(a.t, fields[11])+number(a.t, fields[12])) * tick
}

// resident returns the resident memory of the daemon in bytes.
func (a *appliance) resident() int64 {
	a.t.Helper()
	fields := strings.Fields(readText(a.t, fmt.Sprintf("/proc/%d/statm", a.cmd.Process.Pid)))
	return number(a.t, fields[1]) * int64(os.Getpagesize())
}

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func number(t *testing.T, text string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// wantCheapIdle leaves a mesh alone for a while and reads the bill. The long form
// asks what is promised, of a machine that does nothing else; the short one, soon
// after everybody joined and beside other tests, leaves a margin.
func wantCheapIdle(t *testing.T, l *lab) {
	t.Helper()
	time.Sleep(2 * time.Second) // what the runs before left behind
	mostBytes, mostProcessor := float64(inLongForm(650, 500)), float64(inLongForm(10, 3))/1000
	before := map[string]usage{}
	for _, a := range l.nodes {
		before[a.name] = a.usage()
	}
	d := lasting(20*time.Second, time.Minute)
	time.Sleep(d)
	for _, a := range l.nodes {
		was, is := before[a.name], a.usage()
		perSecond := func(n int64) float64 { return float64(n) / d.Seconds() }
		sent, share := perSecond(is.sent-was.sent), float64(is.processor-was.processor)/float64(d)
		t.Logf("%s: sends %.0f B/s of IP in %.1f packets/s, receives %.0f B/s (both with Ethernet: %.0f B/s); %.2f %% of a core; %d MiB resident",
			a.name, sent, perSecond(is.packets-was.packets), perSecond(is.received-was.received), perSecond(is.ethernet-was.ethernet), 100*share, a.resident()>>20)
		if sent > mostBytes {
			t.Errorf("%s sends %.0f B/s of IP, at most %.0f", a.name, sent, mostBytes)
		}
		if share > mostProcessor {
			t.Errorf("%s takes %.2f %% of a core, at most %.1f %%", a.name, 100*share, 100*mostProcessor)
		}
	}
}
