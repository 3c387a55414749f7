package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/urfave/cli/v2"

	"btrmesh/mesh"
	"btrmesh/mesh/control"
)

func daemonCommand() *cli.Command {
	return leaf{
		name: "daemon", usage: "run this appliance", run: runDaemon,
		flags: append(nodeFlags(),
			&cli.StringFlag{Name: "listen", EnvVars: []string{"BTRMESH_LISTEN"}, Usage: "UDP `ADDR:PORT` (default: :7945)"},
			&cli.StringSliceFlag{Name: "pool", Usage: "a pool as `NAME=PATH`; may be repeated (default: mounted btrfs file systems with a label)"},
			&cli.StringFlag{Name: "discover", EnvVars: []string{"BTRMESH_DISCOVER"}, Usage: "announce this appliance on the local network, `on|off` (default: on)"},
			&cli.BoolFlag{Name: "check", Usage: "find out whether it could start, and end"}),
	}.command()
}

// nodeFlags say whose files are meant.
func nodeFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "config", EnvVars: []string{"BTRMESH_CONFIG"}, Value: defaultConfig, Usage: "configuration `FILE`"},
		&cli.StringFlag{Name: "state", EnvVars: []string{"BTRMESH_STATE"}, Usage: "state `DIR` (default: " + defaultState + ")"},
		&cli.StringFlag{Name: "name", EnvVars: []string{"BTRMESH_NAME"}, Usage: "`NAME` of this appliance (default: the host's)"},
	}
}

func runDaemon(s *session) error {
	c, err := s.settings()
	if err != nil {
		return err
	}
	log, err := newLogger(s.err.w, c.Log, os.Getenv("JOURNAL_STREAM"))
	if err != nil {
		return err
	}
	cfg := mesh.Config{
		Name: c.Name, StateDir: c.State, Socket: c.Socket, Listen: c.Listen, Pools: c.pools(), Discover: c.Discover == "on",
		Version: version, Log: log,
		Ready: func(status string) { notify(log, daemon.SdNotifyReady+"\nSTATUS="+status) },
	}
	if s.has("check") {
		if err := mesh.Check(cfg); err != nil {
			return err
		}
		return s.say("✓ %s could start: state %s, udp %s, socket %s", c.Name, c.State, c.Listen, c.Socket)
	}
	return untilSignal(s.line.Context, log, func(ctx context.Context) error { return mesh.Run(ctx, cfg) })
}

// untilSignal runs engine until the first signal, and then until it has ended
// or the second signal comes.
func untilSignal(ctx context.Context, log *slog.Logger, engine func(context.Context) error) error {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(signals)
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	ended := make(chan error, 1)
	go func() { ended <- engine(ctx) }()
	select {
	case err := <-ended:
		return err
	case sig := <-signals:
		log.Info("stopping", "signal", sig.String())
		notify(log, daemon.SdNotifyStopping)
		stop(fmt.Errorf("signal %s", sig))
	}
	select {
	case err := <-ended:
		return err
	case sig := <-signals: // the process ends now, and the engine with it
		log.Warn("stopped at once", "signal", sig.String())
		return exitError(exitOf(sig))
	}
}

// exitOf is the exit code of a daemon that a second signal ended.
func exitOf(sig os.Signal) int {
	if sig == syscall.SIGINT {
		return control.ExitInterrupted
	}
	return control.ExitFailure
}

// notify tells systemd, where it listens (sd_notify(3)).
func notify(log *slog.Logger, text string) {
	if _, err := daemon.SdNotify(false, text); err != nil {
		log.Warn("systemd not notified", "err", err)
	}
}

// newLogger returns the daemon's log on w. journal is JOURNAL_STREAM: under
// journald lines carry their priority and no time of their own.
func newLogger(w io.Writer, c logSettings, journal string) (*slog.Logger, error) {
	level, err := c.level()
	if err != nil {
		return nil, fmt.Errorf("log level: %w", err)
	}
	opts := &slog.HandlerOptions{Level: level}
	switch {
	case c.Format == "json":
		return slog.New(slog.NewJSONHandler(w, opts)), nil
	case isJournal(w, journal):
		return slog.New(newJournalHandler(w, level)), nil
	}
	return slog.New(slog.NewTextHandler(w, opts)), nil
}
