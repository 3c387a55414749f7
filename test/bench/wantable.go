package main

import (
	"fmt"
	"slices"
)

const wanForm = "%-8s  %-14s %24s  %10s  %10s  %10s"

func (t *table) wanHead(machine, tools string, size, runs int) {
	t.line("%s; %s", machine, tools)
	t.line("%.1f MB that do not compress over %d Mbit/s, a round trip of %v and a queue of %v: medians of %d interleaved runs (least to most)\n",
		float64(size)/1e6, wanRate/1_000_000, 2*wanDelay, wanQueue, runs)
	t.line(wanForm, "LOSS", "WAY", "SECONDS", "MB/S", "OF LINE", "WIRE/DATA")
}

func (t *table) wanRow(loss float64, way string, size int, r wanResult) {
	times := spreadOf(r.times)
	if times.median == 0 {
		return
	}
	rate := float64(size) / times.median.Seconds()
	wire := slices.Sorted(slices.Values(r.wire))[len(r.wire)/2]
	t.line(wanForm, fmt.Sprintf("%.1f %%", 100*loss), way, times, fmt.Sprintf("%.2f", rate/1e6),
		fmt.Sprintf("%.1f %%", 100*rate*8/wanRate), fmt.Sprintf("%.3f", float64(wire)/float64(size)))
}

func (t *table) wanLegend() {
	t.line("\nSECONDS from `task run --wait`, or the start of `btrfs send | ssh | btrfs receive`, until all is on disk. OF LINE is what that")
	t.line("makes of the line's rate in bits of IP: headers alone leave 96 %% to TCP, so whatever takes time beside sending counts.")
	t.line("WIRE/DATA is what left the source, with headers and repeats. LOSS is of packets at random, in both directions.")
}
