package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"btrmesh/mesh"
	"btrmesh/mesh/control"
)

// settings is the configuration file, and what became of it after the
// environment and the flags, which win in that order. The zero value says
// nothing.
type settings struct {
	Name     string            `toml:"name"`
	State    string            `toml:"state"`
	Socket   string            `toml:"socket"`
	Listen   string            `toml:"listen"`   // ADDR:PORT, UDP
	Port     uint16            `toml:"port"`     // short for listen = ":PORT"
	Discover string            `toml:"discover"` // on (default) or off: announce it on the local network
	Pools    map[string]string `toml:"pools"`    // path by name
	Log      logSettings       `toml:"log"`
}

// logSettings is how the daemon logs.
type logSettings struct {
	Level  string `toml:"level"`  // debug, info (default), warn, error
	Format string `toml:"format"` // text (default) or json
}

// maxConfig bounds the configuration file.
const maxConfig = 1 << 20

// loadSettings reads the file at path. A file that is not there is an error
// only when it was asked for.
func loadSettings(path string, asked bool) (settings, error) {
	var c settings
	content, err := readBounded(path)
	if errors.Is(err, fs.ErrNotExist) && !asked {
		return c, nil
	}
	if err != nil {
		return c, control.Errorf(control.CodeUsage, "cannot read the configuration: %v.", err)
	}
	d := toml.NewDecoder(strings.NewReader(content))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return c, configError(path, err)
	}
	return c, c.check(path)
}

// readBounded reads a file that must not be longer than maxConfig.
func readBounded(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if info.Size() > maxConfig {
		return "", fmt.Errorf("%s has more than %d bytes", path, maxConfig)
	}
	content, err := os.ReadFile(path)
	return string(content), err
}

// configError names the line and column of every mistake.
func configError(path string, err error) *control.Error {
	if strict, ok := errors.AsType[*toml.StrictMissingError](err); ok {
		first := strict.Errors[0]
		line, col := first.Position()
		e := control.Usage("%s:%d:%d: unknown key %q.", path, line, col, strings.Join(first.Key(), "."))
		for _, more := range strict.Errors[1:] {
			line, col := more.Position()
			e = e.Fact("%s:%d:%d: unknown key %q", path, line, col, strings.Join(more.Key(), "."))
		}
		return e
	}
	if at, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, col := at.Position()
		return control.Usage("%s:%d:%d: %s.", path, line, col, strings.TrimPrefix(at.Error(), "toml: "))
	}
	return control.Usage("%s: %v.", path, err)
}

// check refuses what is well-formed and makes no sense.
func (c settings) check(path string) error {
	switch {
	case c.Port != 0 && c.Listen != "":
		return control.Usage("%s: port and listen exclude each other.", path)
	case !slices.Contains([]string{"", "text", "json"}, c.Log.Format):
		return control.Usage("%s: log.format is text or json, not %q.", path, c.Log.Format)
	}
	if err := checkOnOff(c.Discover); err != nil {
		return control.Usage("%s: discover %v.", path, err)
	}
	if _, err := c.Log.level(); err != nil {
		return control.Usage("%s: log.level is debug, info, warn or error, not %q.", path, c.Log.Level)
	}
	return nil
}

// level returns the least level that is logged.
func (l logSettings) level() (slog.Level, error) {
	if l.Level == "" {
		return slog.LevelInfo, nil
	}
	var level slog.Level
	return level, level.UnmarshalText([]byte(l.Level))
}

// settings merges flags and environment over the file, and defaults under it.
func (s *session) settings() (settings, error) {
	c, err := loadSettings(s.text("config"), s.given("config"))
	if err != nil {
		return c, err
	}
	c = s.override(c)
	if err := checkOnOff(c.Discover); err != nil {
		return c, control.Usage("--discover %v.", err)
	}
	return c, s.overridePools(&c)
}

// override puts flags and environment over c, and defaults where it is empty.
func (s *session) override(c settings) settings {
	for _, o := range []struct {
		flag    string
		to      *string
		initial string
	}{
		{"name", &c.Name, hostName()},
		{"state", &c.State, defaultState},
		{"socket", &c.Socket, defaultSocket},
		{"listen", &c.Listen, defaultListen(c.Port)},
		{"discover", &c.Discover, "on"},
	} {
		if s.given(o.flag) {
			*o.to = s.text(o.flag)
		}
		if *o.to == "" {
			*o.to = o.initial
		}
	}
	return c
}

// checkOnOff refuses a switch that is neither on nor off; it may be empty.
func checkOnOff(text string) error {
	if !slices.Contains([]string{"", "on", "off"}, text) {
		return fmt.Errorf("is on or off, not %q", text)
	}
	return nil
}

// hostName is the name of an appliance that was given none: the first label of
// the host's name, or empty where there is none.
func hostName() string {
	name, err := os.Hostname()
	if err != nil {
		return ""
	}
	name, _, _ = strings.Cut(strings.ToLower(name), ".")
	return name
}

// defaultListen is where the daemon listens; port 0 is the usual one.
func defaultListen(port uint16) string {
	if port == 0 {
		port = mesh.DefaultPort
	}
	return ":" + strconv.Itoa(int(port))
}

// poolsVariable holds NAME=PATH,NAME=PATH; unlike a flag's values it is split.
const poolsVariable = "BTRMESH_POOLS"

// overridePools puts pools of the flags, or else of the environment, in place
// of the file's.
func (s *session) overridePools(c *settings) error {
	given := s.many("pool")
	if text := os.Getenv(poolsVariable); len(given) == 0 && text != "" {
		given = strings.Split(text, ",")
	}
	if len(given) == 0 {
		return nil
	}
	c.Pools = map[string]string{}
	for _, pair := range given {
		name, path, ok := strings.Cut(pair, "=")
		if !ok || name == "" || path == "" {
			return control.Usage("cannot read --pool %q.", pair).Fact("give NAME=PATH, such as tank=/mnt2/tank")
		}
		c.Pools[name] = path
	}
	return nil
}

// pools lists the pools by name.
func (c settings) pools() []mesh.PoolPath {
	var list []mesh.PoolPath
	for name, path := range c.Pools {
		list = append(list, mesh.PoolPath{Name: name, Path: path})
	}
	slices.SortFunc(list, func(a, b mesh.PoolPath) int { return strings.Compare(a.Name, b.Name) })
	return list
}
