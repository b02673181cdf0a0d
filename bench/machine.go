package bench

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// tickPerSecond is the unit of /proc/PID/stat on Linux, whatever the kernel's own.
const tickPerSecond = 100

// processCPU is the processor time of a process; 0 where /proc is not there.
func processCPU(pid string) time.Duration {
	b, err := os.ReadFile("/proc/" + pid + "/stat") //nolint:gosec // a number or "self"
	if err != nil {
		return 0
	}
	_, rest, ok := strings.Cut(string(b), ") ") // the name before may hold anything
	f := strings.Fields(rest)
	const utime, stime = 11, 12
	if !ok || len(f) <= stime {
		return 0
	}
	u, err1 := strconv.ParseInt(f[utime], 10, 64)
	s, err2 := strconv.ParseInt(f[stime], 10, 64)
	if err1 != nil || err2 != nil {
		return 0
	}
	return time.Duration(u+s) * time.Second / tickPerSecond
}

func ownCPU() time.Duration { return processCPU("self") }

// machine describes where the run took place.
func machine() string {
	m := fmt.Sprintf("%d cores", runtime.NumCPU())
	if name := procValue("/proc/cpuinfo", "model name"); name != "" {
		m += " of " + name
	}
	if mem := procValue("/proc/meminfo", "MemTotal"); mem != "" {
		if kb, err := strconv.ParseFloat(strings.TrimSuffix(mem, " kB"), 64); err == nil {
			m += fmt.Sprintf(", %.0f GiB", kb/(1<<20))
		}
	}
	m += ", " + runtime.GOOS + "/" + runtime.GOARCH
	if b, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m += " " + strings.TrimSpace(string(b))
	}
	return m + ", " + runtime.Version()
}

func procValue(file, key string) string {
	b, err := os.ReadFile(file) //nolint:gosec // one of two names
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return ""
}
