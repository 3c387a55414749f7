package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"btrmesh/mesh/control"
)

// config writes a configuration file.
func config(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// check runs `daemon --check` with a private state.
func check(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	state := filepath.Join(t.TempDir(), "state")
	return runArgs(t, append([]string{"daemon", "--check", "--state", state}, args...)...)
}

func TestFlagsWinOverEnvironmentOverFileOverDefaults(t *testing.T) {
	path := config(t, "name = \"from-file\"\nport = 7001\n")
	_, out, _ := check(t, "--config", path)
	wantPart(t, "with a file", out, "from-file could start")
	wantPart(t, "with a port", out, "udp :7001")
	t.Setenv("BTRMESH_NAME", "from-env")
	t.Setenv("BTRMESH_LISTEN", ":7002")
	_, out, _ = check(t, "--config", path)
	wantPart(t, "with the environment", out, "from-env could start")
	wantPart(t, "with the environment", out, "udp :7002")
	_, out, _ = check(t, "--config", path, "--name", "from-flag", "--listen", ":7003")
	wantPart(t, "with flags", out, "from-flag could start")
	wantPart(t, "with flags", out, "udp :7003")
	wantPart(t, "with defaults", out, "socket "+defaultSocket)
}

func TestPoolsOfFlagsReplaceThoseOfTheFile(t *testing.T) {
	path := config(t, "name = \"a\"\n[pools]\ntank = \"/nonexistent\"\n")
	if code, _, errs := check(t, "--config", path); code == 0 || !strings.Contains(errs, "tank") {
		t.Errorf("exit %d, %s", code, errs)
	}
	t.Setenv("BTRMESH_POOLS", "one=/proc,two=/nonexistent")
	code, _, errs := check(t, "--config", path)
	if code != control.ExitConflict || !strings.Contains(errs, "/proc is ") {
		t.Errorf("exit %d, %s", code, errs)
	}
	code, _, errs = check(t, "--config", path, "--pool", "tank")
	if code != control.ExitUsage || !strings.Contains(errs, `cannot read --pool "tank"`) {
		t.Errorf("exit %d, %s", code, errs)
	}
}

func TestAnnouncementIsSwitchedByFlagEnvironmentAndFile(t *testing.T) {
	t.Setenv("BTRMESH_DISCOVER", "maybe")
	code, _, errs := check(t, "--name", "a")
	if code != control.ExitUsage || !strings.Contains(errs, `--discover is on or off, not "maybe"`) {
		t.Errorf("exit %d, %s", code, errs)
	}
	if code, _, errs := check(t, "--name", "a", "--discover", "off"); code != 0 {
		t.Errorf("off: exit %d, %s", code, errs)
	}
}

func TestConfigurationIsReadStrictly(t *testing.T) {
	for text, want := range map[string]string{
		"alias = \"x\"\n[web]\nlisten = \"\"\n": `config.toml:1:1: unknown key "alias"`,
		"\n  port = 1\n  prot = 2\n":            `config.toml:3:3: unknown key "prot"`,
		"port = \"x\"":                          "config.toml:1:",
		"port = 70000":                          "config.toml:1:",
		"name":                                  "config.toml:1:",
		"port = 1\nlisten = \":2\"":             "port and listen exclude each other",
		"[log]\nlevel = \"loud\"":               "log.level is debug, info, warn or error",
		"discover = \"perhaps\"":                `discover is on or off, not "perhaps"`,
		"discover = true":                       "config.toml:1:",
		"[log]\nformat = \"xml\"":               "log.format is text or json",
	} {
		code, _, errs := check(t, "--config", config(t, text))
		if code != control.ExitUsage || !strings.Contains(errs, want) {
			t.Errorf("%q: exit %d, %s", text, code, errs)
		}
	}
	code, _, errs := check(t, "--config", "/nonexistent/config.toml")
	if code != control.ExitUsage || !strings.Contains(errs, "cannot read the configuration") {
		t.Errorf("a file that was asked for: exit %d, %s", code, errs)
	}
}

func TestInitIsHarmlessWhenRepeated(t *testing.T) {
	dir := t.TempDir()
	args := []string{"init", "--state", filepath.Join(dir, "state"), "--config", filepath.Join(dir, "etc", "config.toml")}
	_, first, errs := runArgs(t, append(args, "--name", "nas-a")...)
	wantPart(t, "init", first, "✓ nas-a is initialised. Its ID is ")
	wantPart(t, "init", errs, "")
	_, again, _ := runArgs(t, append(args, "--json")...)
	wantPart(t, "second init", again, `"kind":"init"`)
	wantPart(t, "second init", again, `"name":"nas-a"`)
	wantPart(t, "second init", again, `"created":false`)
	code, _, errs := runArgs(t, append(args, "--name", "nas-b")...)
	if code != control.ExitConflict || !strings.Contains(errs, "names this appliance nas-a already") {
		t.Errorf("another name: exit %d, %s", code, errs)
	}
	code, _, errs = runArgs(t, "init", "--state", filepath.Join(dir, "s2"), "--config", filepath.Join(dir, "c2"), "--name", "not/a name")
	if code != control.ExitUsage || !strings.Contains(errs, `"not/a name" cannot be the name of an appliance`) {
		t.Errorf("a bad name: exit %d, %s", code, errs)
	}
	if _, err := os.Stat(filepath.Join(dir, "s2")); err == nil {
		t.Error("a refused init made a state directory")
	}
}

func TestTimeoutIsReadFromTheEnvironment(t *testing.T) {
	t.Setenv("BTRMESH_TIMEOUT", "soon")
	code, _, errs := runArgs(t, "task", "list", "--socket", "/nonexistent")
	if code != control.ExitUsage || !strings.Contains(errs, `cannot read --timeout "soon"`) {
		t.Errorf("exit %d, %s", code, errs)
	}
	if slowTimeout < defaultTimeout || defaultTimeout != 10*time.Second {
		t.Error("the documented timeout is 10s")
	}
}
