package main

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// kinds is a line for each kind of answer.
var kinds = map[string]string{
	"status":                "status",
	"status.mesh":           "status mesh",
	"service":               "service off",
	"pair.invite":           "pair invite --no-wait --receive-into tank",
	"pair.list":             "pair list",
	"pair.revoke":           "pair revoke 1",
	"pair.join":             "pair join CODE --at 192.168.1.10",
	"pair.discover":         "pair discover",
	"appliance.list":        "appliance list --all",
	"appliance.show":        "appliance show nas-b",
	"appliance.rename":      "appliance rename nas-z",
	"appliance.address":     "appliance address nas-b add 10.0.0.11",
	"appliance.remove":      "appliance remove nas-c --also nas-e --yes",
	"appliance.keep":        "appliance keep nas-c",
	"appliance.lanes":       "appliance lanes nas-b tcp",
	"appliance.limit":       "appliance limit nas-b 5M",
	"task.list.paced":       "task list --enabled",
	"task.show.paced":       "task show paced-vm",
	"task.edit":             "task edit vm-nas-b --bwlimit 5M --window 22:00-06:00,outside=2M",
	"task.edit.plan":        "task edit vm-nas-b --bwlimit 5M --dry-run",
	"task.history.paced":    "task history paced-photos",
	"ping":                  "ping nas-b -c 1",
	"throughput":            "ping nas-b --data",
	"version.list":          "version --all",
	"history":               "history --all",
	"pool.list":             "pool list --all",
	"pool.allow":            "pool allow tank nas-a --quota 2T --share photos --min-keep 30d",
	"pool.deny":             "pool deny tank nas-a",
	"share.list":            "share list",
	"task.list":             "task list",
	"task.show":             "task show vm-nas-b",
	"appliance.remove.plan": "appliance remove nas-c --dry-run",
	"task.add":              "task add photos --to nas-b --pool tank --every 300 --dry-run",
	"task.enable":           "task enable old-nas-b",
	"task.disable":          "task disable vm-nas-b --now",
	"task.run":              "task run photos-nas-b",
	"task.cancel":           "task cancel vm-nas-b",
	"task.history":          "task history vm-nas-b",
	"receive.list":          "receive list",
	"receive.history":       "receive history vm@nas-a",
	"error":                 "task add row-8 --to nas-b --pool tank --every 300",
}

// Within a schema fields are only added: a diff that takes one away is a
// mistake.
func TestJSONOfEachKindIsAsItWas(t *testing.T) {
	socket := fakeSocket(t)
	for kind, line := range kinds {
		t.Run(kind, func(t *testing.T) {
			_, stdout, stderr := runArgs(t, append(strings.Fields(line), "--json", "--socket", socket)...)
			var got any
			if err := json.Unmarshal([]byte(stdout+stderr), &got); err != nil {
				t.Fatalf("%v: %s%s", err, stdout, stderr)
			}
			text, err := json.MarshalIndent(got, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			wantGolden(t, filepath.Join("testdata", "json", kind+".json"), append(text, '\n'))
		})
	}
}

// wantGolden compares text with a file, or writes it with -update.
func wantGolden(t *testing.T, path string, text []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(text)); diff != "" {
		t.Error(diff)
	}
}
