package main

import (
	"fmt"
	"slices"
	"time"
)

const wholeForm = "%-10s  %10s  %-18s %22s  %5s  %10s  %8s  %8s"

func (t *table) wholeHead(machine, tools, place string, runs int) {
	t.line("%s; %s; images in %s", machine, tools, place)
	t.line("the whole product over loopback: medians of %d interleaved runs (least to most)\n", runs)
	t.line(wholeForm, "DATA SET", "STREAM", "WAY", "SECONDS", "RATIO", "WIRE", "CPU", "MACHINE")
}

// wholeRows prints what a race found, ours last.
func (t *table) wholeRows(r *race) {
	ours := spreadOf(timesOf(r.bills[len(r.bills)-1]))
	name, size := r.set.name, mebibytes(r.bytes)
	for i, c := range r.entrants {
		times := spreadOf(timesOf(r.bills[i]))
		ratio := ratio(times, ours)
		if !c.stock {
			ratio = ""
		}
		t.line(wholeForm, name, size, c.name, times, ratio, wireOf(r.bills[i]),
			seconds(r.bills[i], func(b bill) time.Duration { return b.processor }),
			seconds(r.bills[i], func(b bill) time.Duration { return b.machine }))
		name, size = "", ""
	}
}

func (t *table) wholeLegend(sets []dataset) {
	t.line("\nSECONDS until all is on disk, a sync of the target included. RATIO is the time of that way in times of btrmesh, of the")
	t.line("medians. WIRE is bytes of IP, both directions. CPU is seconds of all processes of both ends; threads of the kernel (writeback,")
	t.line("checksums, compression of the file system) are in MACHINE alone, the busy time of all processors, whoever took it.")
	t.line("The ways are `btrfs send | btrfs receive`, without a network; `btrfs send | zstd -1 | ssh | zstd -d | btrfs receive`, cipher")
	t.line("%s; and two daemons with a task, from its start to `task run --wait` that ended.", cipher)
	for _, s := range sets {
		t.line("%-10s  %s", s.name, s.what)
	}
}

// smallRows prints what small runs take.
func (t *table) smallRows(s smallRuns) {
	t.line("\nMilliseconds, medians of %d (least to most), in a share of %d files", len(s.changed), smallFiles)
	t.line("one change of 4 KiB, `task run --wait` to its end        %s", milliseconds(s.changed))
	t.line("the same, as the history has it                          %s", milliseconds(s.changedTook))
	t.line("nothing changed, `task run --wait` to its end            %s", milliseconds(s.unchanged))
	t.line("the same, as the history has it                          %s", milliseconds(s.unchangedTook))
}

func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

// wireOf is the median of what crossed the wire.
func wireOf(bills []bill) string {
	var all []int64
	for _, b := range bills {
		all = append(all, b.wire)
	}
	if slices.Sort(all); len(all) == 0 || all[len(all)/2] == 0 {
		return "-"
	}
	return mebibytes(all[len(all)/2])
}

func seconds(bills []bill, of func(bill) time.Duration) string {
	var all []time.Duration
	for _, b := range bills {
		all = append(all, of(b))
	}
	return fmt.Sprintf("%.2f", spreadOf(all).median.Seconds())
}

func milliseconds(times []time.Duration) string {
	s := spreadOf(times)
	ms := func(d time.Duration) float64 { return d.Seconds() * 1000 }
	return fmt.Sprintf("%.1f (%.1f to %.1f)", ms(s.median), ms(s.least), ms(s.most))
}
