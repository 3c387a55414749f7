package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// bill is what one run cost.
type bill struct {
	took      time.Duration
	processor time.Duration // of the processes of both ends, in the user's and the kernel's part
	machine   time.Duration // of all processors: also of kernel threads, and of whoever else runs
	wire      int64         // bytes of IP; 0: nothing crossed a wire
}

// measure runs an entry and says what that cost.
func (e *entry) measure(ctx context.Context) (b bill, err error) {
	before, err := e.reading(ctx)
	if err != nil {
		return b, err
	}
	began := time.Now()
	if err := e.run(ctx); err != nil {
		return b, err
	}
	b.took = time.Since(began)
	if e.rest != nil {
		if err := e.rest(ctx); err != nil {
			return b, err
		}
	}
	after, err := e.reading(ctx)
	b.processor, b.machine, b.wire = after.processor-before.processor, after.machine-before.machine, after.wire-before.wire
	return b, err
}

// reading is how all meters stand.
func (e *entry) reading(ctx context.Context) (b bill, err error) {
	if e.wire != nil {
		if b.wire, err = e.wire(ctx); err != nil {
			return b, err
		}
	}
	if b.machine, err = machineTime(); err != nil {
		return b, err
	}
	b.processor, err = processorTime(e.pids)
	return b, err
}

// tick is the unit of times in /proc on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// processorTime returns what the children of this process took that have ended,
// and what the given ones took that run, with their own children that have ended.
func processorTime(pids []int) (time.Duration, error) {
	var ended syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &ended); err != nil {
		return 0, fmt.Errorf("getrusage: %w", err)
	}
	sum := time.Duration(ended.Utime.Nano() + ended.Stime.Nano())
	for _, pid := range pids {
		t, err := timeOf(pid)
		if err != nil {
			return 0, err
		}
		sum += t
	}
	return sum, nil
}

// timeOf reads proc_pid_stat(5).
func timeOf(pid int) (time.Duration, error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	return sumTicks(strings.Fields(rest), 11, 12, 13, 14) // utime, stime, cutime, cstime
}

// machineTime reads proc_stat(5): all but idle, iowait and steal, and guests,
// which are part of user.
func machineTime() (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	return sumTicks(strings.Fields(first), 1, 2, 3, 6, 7)
}

func sumTicks(fields []string, which ...int) (time.Duration, error) {
	var sum time.Duration
	for _, i := range which {
		if i >= len(fields) {
			return 0, fmt.Errorf("parse times: %d fields", len(fields))
		}
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("parse times: %w", err)
		}
		sum += time.Duration(n) * tick
	}
	return sum, nil
}
