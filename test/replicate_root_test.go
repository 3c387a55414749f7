//go:build root

package test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"btrmesh/btrfs/btrfstest"
	"btrmesh/mesh/control"
)

// twoPaired returns two appliances that are up and paired, with one share on
// the first; the first may write into the second's pool.
func twoPaired(t *testing.T) (a, b *appliance, share string) {
	t.Helper()
	l := newLab(t, "nas-a", "nas-b")
	a, b = l.nodes[0], l.nodes[1]
	share = a.share("photos")
	a.start()
	b.start()
	pair(a, b)
	return a, b, share
}

// outcomes returns the runs of a task as both sides tell them, oldest first,
// and fails where they do not say the same.
func outcomes(a, b *appliance, task, replica string) []string {
	a.t.Helper()
	var sent, received []string
	for _, r := range items[control.Run](a, "task", "history", task, "-n", "1000") {
		sent = append(sent, fmt.Sprintf("%d %s", r.Number, r.Result))
	}
	for _, r := range items[control.Receipt](b, "receive", "history", replica, "-n", "1000") {
		received = append(received, fmt.Sprintf("%d %s", r.Number, r.Result))
	}
	slices.Reverse(sent)
	slices.Reverse(received)
	for _, r := range received {
		if !slices.Contains(sent, r) {
			a.t.Errorf("the target's history says %q, the source's does not: %q", r, sent)
		}
	}
	return sent
}

// wantEqual compares the newest replica with the snapshot it was sent from, by
// code that shares nothing with the receiver.
func wantEqual(a, b *appliance, task, share string) {
	a.t.Helper()
	want, err := btrfstest.Digest(a.sent(task))
	if err != nil {
		a.t.Fatal(err)
	}
	got, err := btrfstest.Digest(b.newest(a.name, share))
	if err != nil {
		a.t.Fatal(err)
	}
	if want.Sum() != got.Sum() {
		a.t.Errorf("replica differs from the snapshot:\n%s", btrfstest.Diff(want, got))
	}
}

func TestReplicaEqualsTheShareAfterEveryRun(t *testing.T) {
	a, b, share := twoPaired(t)
	mutate(t, share, 1, 600)
	a.must("task", "add", "photos", "--to", "nas-b", "--pool", "tank", "--every", "3600")
	a.eventually(patience, "the first run is ok", func() bool {
		runs := items[control.Run](a, "task", "history", "photos-nas-b")
		return len(runs) == 1 && runs[0].Result == control.ResultOK
	})
	wantEqual(a, b, "photos-nas-b", "photos")
	rounds := inLongForm(3, 60)
	for round := range rounds {
		mutate(t, share, uint64(round)+2, 300)
		a.must("task", "run", "photos-nas-b", "--wait")
		wantEqual(a, b, "photos-nas-b", "photos")
	}
	a.must("task", "run", "photos-nas-b", "--wait")
	runs := items[control.Run](a, "task", "history", "photos-nas-b")
	if last := runs[0]; last.Result != control.ResultUnchanged || last.DataBytes != 0 || last.SentBytes != 0 {
		t.Errorf("a run of an unchanged share: %+v", last)
	}
	for i, r := range runs[1:] {
		kind := map[bool]string{true: "full", false: "incremental"}[i == len(runs)-2]
		if r.Kind != kind || r.Result != control.ResultOK {
			t.Errorf("run %d: %s %s, want %s ok", r.Number, r.Kind, r.Result, kind)
		}
	}
	want := []string{fmt.Sprintf("%d unchanged", rounds+2)}
	for run := rounds + 1; run > 0; run-- {
		want = append([]string{fmt.Sprintf("%d ok", run)}, want...)
	}
	if got := outcomes(a, b, "photos-nas-b", "photos@nas-a"); !slices.Equal(got, want) {
		t.Errorf("history %q, want %q", got, want)
	}
	for _, who := range []*appliance{a, b} {
		other := map[*appliance]string{a: "nas-b", b: "nas-a"}[who]
		if out := who.must("appliance", "list"); !strings.Contains(out, other) {
			t.Errorf("%s does not list %s:\n%s", who.name, other, out)
		}
	}
}

// inLongForm returns how often a test does something: the second number in the
// long form, test/run -long.
func inLongForm(short, long int) int {
	if os.Getenv("BTRMESH_TEST_LONG") != "" {
		return long
	}
	return short
}

func mutate(t *testing.T, dir string, seed uint64, ops int) {
	t.Helper()
	if err := btrfstest.Mutate(dir, seed, ops); err != nil {
		t.Fatal(err)
	}
}

func TestRetentionKeepsTheNewestInCommonOnBothSides(t *testing.T) {
	a, b, share := twoPaired(t)
	a.must("task", "add", "photos", "--to", "nas-b", "--pool", "tank", "--every", "3600", "--keep-source", "1", "--keep-target", "2")
	for round := range 5 {
		if err := os.WriteFile(filepath.Join(share, fmt.Sprint(round)), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
		a.must("task", "run", "photos-nas-b", "--wait")
	}
	if n := entries(t, filepath.Join(a.pool.Path(), ".btrmesh/send/photos-nas-b")); n != 1 {
		t.Errorf("%d snapshots on the source, want 1", n)
	}
	if n := entries(t, filepath.Join(b.pool.Path(), ".btrmesh/replicas/nas-a/photos")); n != 3 { // two and latest
		t.Errorf("%d entries in the replica, want 2 snapshots and latest", n)
	}
	wantEqual(a, b, "photos-nas-b", "photos")
}

func entries(t *testing.T, dir string) int {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// killMidRun starts a run of a big change, kills one daemon in the middle of
// it, starts it again and checks that the next run succeeds. The limit lets no disk
// be so fast that the run is over before.
func killMidRun(t *testing.T, victim func(a, b *appliance) *appliance) {
	t.Helper()
	a, b, share := twoPaired(t)
	fill(t, share, "base", 1<<20)
	a.must("task", "add", "photos", "--to", "nas-b", "--pool", "tank", "--every", "3600")
	a.must("task", "run", "photos-nas-b", "--wait")
	fill(t, share, "big", 400<<20)
	a.must("task", "edit", "photos-nas-b", "--bwlimit", "50M")
	a.must("task", "run", "photos-nas-b")
	a.eventually(patience, "the run is in its middle", func() bool {
		p := progress(a, "photos-nas-b")
		return p != nil && p.DoneBytes > 20<<20
	})
	v := victim(a, b)
	v.kill(syscall.SIGKILL)
	if got := b.newest("nas-a", "photos"); entries(t, got) != 1 {
		t.Errorf("a partial is visible: %s", got)
	}
	v.start()
	a.must("task", "edit", "photos-nas-b", "--bwlimit", "off")
	a.eventually(patience, "the cut run is over", func() bool { return progress(a, "photos-nas-b") == nil })
	a.must("task", "run", "photos-nas-b", "--wait")
	wantEqual(a, b, "photos-nas-b", "photos")
	got := outcomes(a, b, "photos-nas-b", "photos@nas-a")
	ok := 0
	for _, r := range got {
		if strings.HasSuffix(r, " ok") {
			ok++
		}
		if strings.HasSuffix(r, " running") {
			t.Errorf("a run is left open: %q", got)
		}
	}
	if ok != 2 {
		t.Errorf("history %q, want two runs that are ok", got)
	}
}

func TestKill9OfTheTargetMidRunLeavesNothingVisible(t *testing.T) {
	killMidRun(t, func(_, b *appliance) *appliance { return b })
}

func TestKill9OfTheSourceMidRunLeavesNothingVisible(t *testing.T) {
	killMidRun(t, func(a, _ *appliance) *appliance { return a })
}

// cutAfterCheckpoint kills one daemon once the target has a checkpoint, and
// checks that the next run goes on from it. The limit lets no disk be so fast that
// the run is over before.
func cutAfterCheckpoint(t *testing.T, victim func(a, b *appliance) *appliance) {
	t.Helper()
	a, b, share := twoPaired(t)
	const size = 512 << 20
	fill(t, share, "big", size)
	a.must("task", "add", "photos", "--to", "nas-b", "--pool", "tank", "--every", "3600", "--bwlimit", "50M")
	a.eventually(2*patience, "the target has a checkpoint", func() bool {
		found, err := filepath.Glob(filepath.Join(b.pool.Path(), ".btrmesh/incoming/*/ck-*"))
		return err == nil && len(found) > 0
	})
	v := victim(a, b)
	v.kill(syscall.SIGKILL)
	v.start()
	a.eventually(4*patience, "a run after the cut is ok", func() bool {
		runs := items[control.Run](a, "task", "history", "photos-nas-b")
		return len(runs) > 1 && runs[0].Result == control.ResultOK
	})
	wantEqual(a, b, "photos-nas-b", "photos")
	run := items[control.Run](a, "task", "history", "photos-nas-b")[0]
	if run.ResumedBytes < 64<<20 || run.SentBytes+run.ResumedBytes > size+64<<20 {
		t.Errorf("the run after the cut sent %d bytes and left out %d", run.SentBytes, run.ResumedBytes)
	}
	outcomes(a, b, "photos-nas-b", "photos@nas-a")
}

func TestARunCutByKill9OfTheTargetGoesOnFromItsCheckpoint(t *testing.T) {
	cutAfterCheckpoint(t, func(_, b *appliance) *appliance { return b })
}

func TestARunCutByKill9OfTheSourceGoesOnFromTheCheckpoint(t *testing.T) {
	cutAfterCheckpoint(t, func(a, _ *appliance) *appliance { return a })
}

func progress(a *appliance, task string) *control.Progress {
	for _, t := range items[control.Task](a, "task", "list") {
		if t.Name == task {
			return t.Progress
		}
	}
	return nil
}

// fill writes a file that does not compress.
func fill(t *testing.T, dir, name string, size int) {
	t.Helper()
	random, err := os.Open("/dev/urandom")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = random.Close() }() // opened for reading
	f, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 1<<20)
	for range max(1, size>>20) {
		if _, err := random.Read(block); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(block); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func jsonOf[T any](t *testing.T, text string) T {
	t.Helper()
	var answer struct{ Item T }
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return answer.Item
}
