package app

import (
	"bytes"
	"os"
	"strconv"
)

// residentBytes is the memory that the process holds, without what stands in files as well, its own code above all, which the kernel
// takes back when it needs to; 0 where the kernel does not say.
func residentBytes() int64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(text) // in pages: size, resident, of that shared, …
	if len(fields) < 3 {
		return 0
	}
	resident, err1 := strconv.ParseInt(string(fields[1]), 10, 64)
	shared, err2 := strconv.ParseInt(string(fields[2]), 10, 64)
	if err1 != nil || err2 != nil {
		return 0
	}
	return (resident - shared) * int64(os.Getpagesize())
}
