package config

import (
	"os"
	"strconv"
	"strings"
)

// Sizes are what the memory budget comes to.
type Sizes struct {
	// Budget is what the process may take.
	Budget int64
	// Limit is handed to the garbage collector: the budget less what stands outside of its sight.
	Limit int64
	// Cache and MemTable are the engine's.
	Cache    int64
	MemTable int64
	// RecentBytes and RecentMembers are what the log's recent entries and their readers may take, at most as configured.
	RecentBytes   int
	RecentMembers int
	// Digests is how many users' digests are remembered, at most as configured.
	Digests int
}

const (
	recentShare  = 32 // the part of the budget that recent entries may take; their readers and digests as much each
	recentMember = 64 // bytes of a reader
	digestBytes  = 200
)

// Sizes derives the sizes of caches from the budget; explicit ones are kept.
func (c *Config) Sizes() Sizes {
	s := Sizes{Budget: int64(c.Memory.Budget), Cache: c.Store.CacheBytes, MemTable: c.Store.MemTableBytes}
	if s.Budget == 0 {
		s.Budget = machineMemory() / 2
	}
	s.Limit = s.Budget - s.Budget/10
	if s.Cache == 0 {
		s.Cache = min(max(s.Budget/8, 8<<20), 1<<30)
	}
	if s.MemTable == 0 {
		// Four of them stay below a fifth of the budget, and below the 64 MiB that a start replays in time.
		s.MemTable = min(max(s.Budget/24, 2<<20), 16<<20)
	}
	share := s.Budget / recentShare
	s.RecentBytes = int(min(int64(c.Message.RecentBytes), share))
	s.RecentMembers = int(max(min(int64(c.Message.RecentMembers), share/recentMember), 1))
	s.Digests = int(max(min(int64(c.Timeline.Digests), share/digestBytes), 1))
	return s
}

// machineMemory is what the container or the machine has; 2 GiB where neither says.
func machineMemory() int64 {
	memory := int64(2 << 30)
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		for line := range strings.SplitSeq(string(text), "\n") {
			if f := strings.Fields(line); len(f) >= 2 && f[0] == "MemTotal:" {
				if kb, err := strconv.ParseInt(f[1], 10, 64); err == nil {
					memory = kb << 10
				}
			}
		}
	}
	for _, name := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		if text, err := os.ReadFile(name); err == nil { //nolint:gosec // one of the two above
			if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && n > 0 {
				memory = min(memory, n)
			}
		}
	}
	return memory
}
