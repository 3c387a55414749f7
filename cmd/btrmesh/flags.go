package main

import (
	"time"

	"github.com/urfave/cli/v2"
)

// The defaults of where things are.
const (
	defaultSocket = "/run/btrmesh/btrmesh.sock"
	defaultState  = "/var/lib/btrmesh"
	defaultConfig = "/etc/btrmesh/config.toml"
)

// How long a command waits for the daemon, unless told: when it answers by
// itself, and when it asks other appliances first.
const (
	defaultTimeout = 10 * time.Second
	slowTimeout    = 60 * time.Second
)

// commonFlags returns the flags that every leaf has, made afresh.
func commonFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "json", Usage: "print JSON"},
		&cli.StringFlag{Name: "socket", EnvVars: []string{"BTRMESH_SOCKET"}, Value: defaultSocket, Usage: "the daemon's socket `PATH`"},
		&cli.GenericFlag{Name: "timeout", EnvVars: []string{"BTRMESH_TIMEOUT"}, Value: &durationValue{flag: "--timeout"}, DefaultText: "10s", Usage: "wait at most `DURATION` for the daemon"},
		&cli.BoolFlag{Name: "no-color", Usage: "print without colours"},
		&cli.BoolFlag{Name: "no-header", Usage: "print lists without their header"},
		&cli.GenericFlag{Name: "units", Value: &unitsValue{}, DefaultText: "iec", Usage: "print sizes in `iec|si|bytes`"},
		&cli.BoolFlag{Name: "utc", Usage: "print times in UTC"},
		&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "print results only"},
		&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "do not ask"},
	}
}

// everyFlag, sizeFlag, countFlag, sinceFlag and keepFlag return flags whose
// values are read by our own rules.
func everyFlag() cli.Flag {
	return &cli.GenericFlag{Name: "every", Value: &everyValue{}, Usage: "replicate every `SECONDS` (300, 300s, 5m, 1h), at least 60"}
}

func sizeFlag(name, text string) cli.Flag {
	return &cli.GenericFlag{Name: name, Value: &sizeValue{flag: "--" + name}, Usage: text}
}

func countFlag(name string, aliases []string, initial int64, text string) cli.Flag {
	return &cli.GenericFlag{Name: name, Aliases: aliases, Value: &countValue{flag: "--" + name, n: initial}, Usage: text}
}

func durationFlag(name, text string) cli.Flag {
	return &cli.GenericFlag{Name: name, Value: &durationValue{flag: "--" + name}, Usage: text}
}

func keepFlag() cli.Flag {
	return &cli.GenericFlag{Name: "keep-target", Value: &keepValue{}, DefaultText: "last=24,daily=7,weekly=4", Usage: "keep snapshots there by `SPEC`"}
}

// historyFlags returns the flags of both histories.
func historyFlags() []cli.Flag {
	return []cli.Flag{
		countFlag("limit", []string{"n"}, 20, "show the newest `N` runs"),
		&cli.BoolFlag{Name: "failed", Usage: "only those that failed"},
		durationFlag("since", "only those of the last `DURATION` (30m, 24h, 7d)"),
	}
}
