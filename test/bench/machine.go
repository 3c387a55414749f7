package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// describeMachine says in one line what figures depend on.
func describeMachine(ctx context.Context) (string, error) {
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "", err
	}
	memory, err := totalMemory()
	if err != nil {
		return "", err
	}
	progs, err := exec.CommandContext(ctx, "btrfs", "--version").Output()
	if err != nil {
		return "", fmt.Errorf("btrfs --version: %w", err)
	}
	version, _, _ := strings.Cut(string(progs), "\n")
	return fmt.Sprintf("%d cores, %.1f GiB memory, Linux %s, %s, %s",
		runtime.NumCPU(), memory, strings.TrimSpace(string(kernel)), version, runtime.Version()), nil
}

// totalMemory returns the GiB that /proc/meminfo begins with.
func totalMemory() (float64, error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	var kib float64
	if _, err := fmt.Sscanf(string(text), "MemTotal: %f kB", &kib); err != nil {
		return 0, fmt.Errorf("read /proc/meminfo: %w", err)
	}
	return kib / (1 << 20), nil
}

// toolVersions says what stands beside btrmesh.
func toolVersions(ctx context.Context) string {
	ssh, _ := exec.CommandContext(ctx, "ssh", "-V").CombinedOutput()          // the version is for the reader only
	zstd, _ := exec.CommandContext(ctx, "zstd", "--version").CombinedOutput() // likewise
	version, _, _ := strings.Cut(strings.TrimSpace(string(ssh)), ",")
	for word := range strings.FieldsSeq(string(zstd)) {
		if strings.HasPrefix(word, "v") {
			version += ", zstd " + strings.Trim(word, "v,")
		}
	}
	return version
}
