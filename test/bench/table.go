package main

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// table prints rows as they come; after an error nothing more.
type table struct {
	w   io.Writer
	err error // the first
}

func (t *table) line(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, format+"\n", args...)
	}
}

const rowForm = "%-10s  %10s  %-15s %22s  %22s  %6s"

func (t *table) head(machine, place string, runs int) {
	t.line("%s; images in %s", machine, place)
	t.line("seconds until on disk: median of %d interleaved runs (least to most)\n", runs)
	t.line(rowForm, "DATA SET", "STREAM", "WHAT", "BTRFS-PROGS", "BTRMESH", "RATIO")
}

// rows prints what a race found.
func (t *table) rows(r *race) {
	name, size := r.set.name, fmt.Sprintf("%.1f MiB", float64(r.bytes)/(1<<20))
	for _, p := range []part{partPipe, partReceive, partSend} {
		var stock, ours spread
		for i, c := range r.entrants {
			switch {
			case c.part != p:
			case c.stock:
				stock = spreadOf(timesOf(r.bills[i]))
			default:
				ours = spreadOf(timesOf(r.bills[i]))
			}
		}
		t.line(rowForm, name, size, p, stock, ours, ratio(stock, ours))
		name, size = "", ""
	}
}

// legend says what the data sets are.
func (t *table) legend(sets []dataset) {
	t.line("\nRATIO is the time of btrfs-progs in times of btrmesh, of the medians. BTRFS-PROGS is `btrfs send | btrfs receive`")
	t.line("and a sync; BTRMESH is the same work as the daemon does it, in one process, with checkpoints and a durable commit.")
	for _, s := range sets {
		t.line("%-10s  %s", s.name, s.what)
	}
}

func timesOf(bills []bill) []time.Duration {
	var times []time.Duration
	for _, b := range bills {
		times = append(times, b.took)
	}
	return times
}

// spread is what repeated measurements say; zero: there are none.
type spread struct{ least, median, most time.Duration }

// spreadOf takes the mean of the two in the middle of an even number.
func spreadOf(times []time.Duration) spread {
	if len(times) == 0 {
		return spread{}
	}
	times = slices.Sorted(slices.Values(times))
	n := len(times)
	return spread{times[0], (times[(n-1)/2] + times[n/2]) / 2, times[n-1]}
}

// String is "7.06 (6.50 to 14.90)".
func (s spread) String() string {
	if s.median == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f (%.2f to %.2f)", s.median.Seconds(), s.least.Seconds(), s.most.Seconds())
}

func ratio(stock, ours spread) string {
	if stock.median == 0 || ours.median == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", stock.median.Seconds()/ours.median.Seconds())
}
