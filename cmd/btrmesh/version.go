package main

import (
	"runtime"
	"time"

	"github.com/urfave/cli/v2"

	"btrmesh/mesh/control"
	"btrmesh/stream"
)

func versionCommand() *cli.Command {
	return leaf{name: "version", usage: "show the version of this program", run: runVersion}.command()
}

// runVersion asks nobody: it is about this program.
func runVersion(s *session) error {
	v := control.Version{Version: version, Go: runtime.Version(), Protocol: int64(stream.Protocol().Max)}
	if s.json {
		return s.encode("version", v)
	}
	return s.say("btrmesh %s, %s, protocol %d", v.Version, v.Go, v.Protocol)
}

// encode prints an answer that no daemon gave.
func (s *session) encode(kind string, v any) error {
	line, err := control.Encode(control.NewHead(kind, "", time.Now()), v)
	if err != nil {
		return err
	}
	_, err = s.out.w.Write(line)
	return err
}
