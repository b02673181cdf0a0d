package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	skips := flag.String("skips", "", "file that names the tests that may be skipped")
	verbose := flag.Bool("v", false, "print the log lines of tests that passed, too")
	slow := flag.Int("slow", 8, "how many of the slowest tests to name")
	flag.Parse()

	allowed, err := readSkips(*skips)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testsum:", err)
		os.Exit(2)
	}
	out := bufio.NewWriter(os.Stdout)
	s := newSummary(out, *verbose)
	err = s.read(os.Stdin)
	if err != nil {
		fmt.Fprintln(out, "testsum:", err)
	}
	bad := s.close(allowed, *slow) || err != nil
	if err := out.Flush(); err != nil {
		os.Exit(2)
	}
	if err := appendCounts(os.Getenv("THRONG_CI_COUNTS"), s); err != nil {
		fmt.Fprintln(os.Stderr, "testsum:", err)
		os.Exit(2)
	}
	if bad {
		os.Exit(1)
	}
}

// appendCounts adds "passed failed skipped" to the file that tools/ci.sh adds up.
func appendCounts(path string, s *summary) (err error) {
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600) //nolint:gosec // G304: the path is CI's own
	if err != nil {
		return err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}()
	_, err = io.WriteString(f, fmt.Sprintf("%d %d %d\n", s.passed, s.failed, len(s.skipped)))
	return err
}
