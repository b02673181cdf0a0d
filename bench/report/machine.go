package report

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// tickPerSecond is the unit of /proc/PID/stat on Linux, whatever the kernel's own.
const tickPerSecond = 100

// ProcessCPU is the processor time of a process; 0 where /proc is not there.
func ProcessCPU(pid string) time.Duration {
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

// OwnCPU is the processor time of this process.
func OwnCPU() time.Duration { return ProcessCPU("self") }

// RSS is the resident memory of a process in bytes; 0 where /proc is not there.
func RSS(pid string) int64 { return kib(procValue("/proc/"+pid+"/status", "VmRSS")) }

// Slab is the kernel's memory for its own objects, sockets among them, in bytes; 0 where /proc is not there.
func Slab() int64 { return kib(procValue("/proc/meminfo", "Slab")) }

// Available is the machine's memory that could be had, in bytes; 0 where /proc is not there.
func Available() int64 { return kib(procValue("/proc/meminfo", "MemAvailable")) }

// Descriptors is how many files and sockets this process may open; 0 where that is not known.
func Descriptors() int {
	b, err := os.ReadFile("/proc/self/limits")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "Max open files"); ok {
			if f := strings.Fields(rest); len(f) > 0 {
				n, _ := strconv.Atoi(f[0]) // "unlimited" is 0: not known
				return n
			}
		}
	}
	return 0
}

// Times are the processor times of the whole machine since its start; zero where /proc is not there.
type Times struct {
	all, idle, steal time.Duration
}

// MachineTimes reads them.
func MachineTimes() Times {
	var t Times
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return t
	}
	line, _, _ := strings.Cut(string(b), "\n")
	const idle, iowait, steal, guest = 3, 4, 7, 8
	for i, f := range strings.Fields(strings.TrimPrefix(line, "cpu")) {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil || i >= guest {
			break
		}
		d := time.Duration(n) * time.Second / tickPerSecond
		t.all += d
		switch i {
		case idle, iowait:
			t.idle += d
		case steal:
			t.steal += d
		}
	}
	return t
}

// Load is how busy the machine was during a part of a run, in shares of all its processors' time.
type Load struct {
	// Busy is all work, Steal what a host gave to other guests.
	Busy  float64 `json:"busy"`
	Steal float64 `json:"steal"`
	// Server and Own are the processor seconds of the server and of the load, Others those of everything else on the machine,
	// the kernel's own work included.
	Server float64 `json:"server_cpu_s"`
	Own    float64 `json:"load_cpu_s"`
	Others float64 `json:"others_cpu_s"`
	// Average is the machine's load average of the last minute when the run began.
	Average float64 `json:"load_average_before"`
}

// Between fills in the shares of the time between two readings.
func (l *Load) Between(from, to Times) {
	if all := to.all - from.all; all > 0 {
		busy := all - (to.idle - from.idle) - (to.steal - from.steal)
		l.Busy = float64(busy) / float64(all)
		l.Steal = float64(to.steal-from.steal) / float64(all)
		l.Others = max(busy.Seconds()-l.Server-l.Own, 0)
	}
}

// Rows are the load for people.
func (l Load) Rows() []Row {
	const percent = 100
	return []Row{
		R("machine", "%.0f%% busy, %.1f%% stolen; server %.1f s, load %.1f s, others %.1f s of processor time", percent*l.Busy, percent*l.Steal,
			l.Server, l.Own, l.Others),
		R("before", "a load average of %.2f", l.Average),
	}
}

// LoadAverage is that of the last minute; 0 where /proc is not there.
func LoadAverage() float64 {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	word, _, _ := strings.Cut(string(b), " ")
	f, _ := strconv.ParseFloat(word, 64) // 0 where it is no number
	return f
}

// Environment is what a run depends on besides the code.
type Environment struct {
	Cores  int    `json:"cores"`
	CPU    string `json:"cpu"`
	Memory string `json:"memory"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
	// Descriptors is the limit of open files for each process.
	Descriptors int `json:"nofile"`
	// Settings are the kernel's that matter for many sockets.
	Settings map[string]string `json:"kernel_settings"`
}

// settings are names below /proc/sys.
func settings() []string {
	return []string{
		"net.core.somaxconn", "net.ipv4.tcp_max_syn_backlog", "net.ipv4.ip_local_port_range", "net.ipv4.tcp_mem",
		"net.ipv4.tcp_child_ehash_entries", "net.ipv4.tcp_ehash_entries", "net.ipv4.tcp_max_tw_buckets",
		"net.ipv4.tcp_congestion_control", "fs.file-max",
	}
}

// ReadEnvironment reads it.
func ReadEnvironment() Environment {
	e := Environment{
		Cores: runtime.NumCPU(), CPU: procValue("/proc/cpuinfo", "model name"), Go: runtime.Version(),
		Kernel: runtime.GOOS + "/" + runtime.GOARCH, Descriptors: Descriptors(), Settings: map[string]string{},
	}
	if n := kib(procValue("/proc/meminfo", "MemTotal")); n > 0 {
		e.Memory = fmt.Sprintf("%.0f GiB", float64(n)/(1<<30))
	}
	if b, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		e.Kernel += " " + strings.TrimSpace(string(b))
	}
	for _, name := range settings() {
		if b, err := os.ReadFile(filepath.Join("/proc/sys", strings.ReplaceAll(name, ".", "/"))); err == nil {
			e.Settings[name] = strings.Join(strings.Fields(string(b)), " ")
		}
	}
	return e
}

// Machine describes the environment in one line.
func Machine() string { return ReadEnvironment().String() }

// String is the environment in one line.
func (e Environment) String() string {
	m := fmt.Sprintf("%d cores", e.Cores)
	if e.CPU != "" {
		m += " of " + e.CPU
	}
	if e.Memory != "" {
		m += ", " + e.Memory
	}
	return m + ", " + e.Kernel + ", " + e.Go
}

// kib reads "123 kB".
func kib(text string) int64 {
	n, err := strconv.ParseInt(strings.TrimSuffix(text, " kB"), 10, 64)
	if err != nil {
		return 0
	}
	return n << 10
}

func procValue(file, key string) string {
	b, err := os.ReadFile(file) //nolint:gosec // names of /proc
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
