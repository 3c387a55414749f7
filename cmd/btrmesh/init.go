package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"btrmesh/certs"
	"btrmesh/mesh"
	"btrmesh/mesh/control"
)

func initCommand() *cli.Command {
	return leaf{name: "init", usage: "make the identity and the configuration of this appliance", flags: nodeFlags(), run: runInit}.command()
}

// initialised is what init answers.
type initialised struct {
	Name    string `json:"name"`
	ID      string `json:"id"`
	State   string `json:"state"`
	Config  string `json:"config"`
	Created bool   `json:"created"`
}

// runInit makes what is not there yet; repeating it changes nothing.
func runInit(s *session) error {
	c, path, err := s.initSettings()
	if err != nil {
		return err
	}
	id, created, err := mesh.Init(c.State)
	if err != nil {
		return err
	}
	wrote, err := writeConfig(path, c.Name)
	if err != nil {
		return err
	}
	return s.printInit(initialised{Name: c.Name, ID: id.String(), State: c.State, Config: path, Created: created || wrote})
}

// initSettings returns what init goes by, and where the configuration is to
// be. A name that differs from the one configured is an error.
func (s *session) initSettings() (settings, string, error) {
	path := s.text("config")
	old, err := loadSettings(path, false)
	if err != nil {
		return old, path, err
	}
	c := s.override(old)
	if old.Name != "" && old.Name != c.Name {
		return c, path, control.Errorf(control.CodeConfigured, "%s names this appliance %s already.", path, old.Name)
	}
	if certs.CheckName(c.Name) != nil {
		return c, path, control.BadName("appliance", c.Name).Hint("btrmesh init --name NAME")
	}
	return c, path, nil
}

// writeConfig makes a configuration that says the name alone, unless there is
// a file already. created tells which.
func writeConfig(path, name string) (created bool, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return false, fmt.Errorf("init: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("init: %w", err)
	}
	_, err = fmt.Fprintf(f, configText, name)
	return true, errors.Join(err, f.Sync(), f.Close())
}

// configText is a new configuration; a name needs no quoting beyond the quotes.
const configText = `name = "%s"

# UDP port of this appliance; TCP lanes use the same number.
# port = 7945

# Announce this appliance on the local network, for: btrmesh pair discover
# discover = "off"

# Pools by path. Without any, mounted btrfs file systems with a label are used.
# [pools]
# tank = "/mnt2/tank"
`

// printInit says what there is now.
func (s *session) printInit(i initialised) error {
	if s.json {
		return s.encode("init", i)
	}
	first := fmt.Sprintf("%s (%s) was initialised before; nothing changed.", i.Name, shortID(i.ID).text)
	if i.Created {
		first = fmt.Sprintf("✓ %s is initialised. Its ID is %s", i.Name, i.ID)
	}
	return s.block(first, "  state   "+i.State, "  config  "+i.Config, "  next: sudo systemctl enable --now btrmesh")
}
