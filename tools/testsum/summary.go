package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// event is one line of `go test -json` (go doc test2json).
type event struct {
	Action     string
	Package    string
	ImportPath string // of build output
	Test       string
	Elapsed    float64
	Output     string
}

// key names a test; Test is empty for the package itself.
type key struct{ pkg, test string }

type timing struct {
	key
	elapsed float64
}

type summary struct {
	out     *bufio.Writer
	verbose bool

	output  map[key][]string
	passed  int
	failed  int
	skipped []key
	reason  map[key]string
	times   []timing
	broken  []string // packages that failed without a failing test: did not build, or died
	failing map[string]int
	said    []digest // of the tests that failed
}

// digest is what a test said in lines of its own, without the logs behind them.
type digest struct {
	key
	lines []string
}

func newSummary(out *bufio.Writer, verbose bool) *summary {
	return &summary{
		out: out, verbose: verbose, output: map[key][]string{}, reason: map[key]string{}, failing: map[string]int{},
	}
}

func (s *summary) read(r io.Reader) error {
	lines := bufio.NewReaderSize(r, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			s.line(line)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// line takes one line, which is an event or, where the go command itself speaks, plain text.
func (s *summary) line(line []byte) {
	var e event
	if line[0] != '{' || json.Unmarshal(line, &e) != nil {
		fmt.Fprintf(s.out, "%s", line)
		return
	}
	k := key{e.Package, e.Test}
	if e.Test == "" {
		defer func() { _ = s.out.Flush() }() // who watches sees packages as they end; the last Flush tells of an error
	}
	switch e.Action {
	case "build-output":
		fmt.Fprint(s.out, e.Output)
	case "output":
		s.output[k] = append(s.output[k], e.Output)
	case "pass":
		s.end(k, e.Elapsed)
		if e.Test != "" {
			s.passed++
		}
	case "skip":
		s.end(k, e.Elapsed)
		if e.Test != "" {
			s.skipped = append(s.skipped, k)
		}
	case "fail":
		s.fail(k, e.Elapsed)
	}
}

// end forgets what a test printed, after saying what is worth saying.
func (s *summary) end(k key, elapsed float64) {
	lines := s.output[k]
	delete(s.output, k)
	if k.test == "" {
		s.packageLine(lines)
		return
	}
	s.times = append(s.times, timing{k, elapsed})
	text := said(lines)
	s.reason[k] = strings.TrimSpace(strings.Join(text, " "))
	if s.verbose {
		for _, line := range text {
			fmt.Fprint(s.out, line)
		}
	}
}

func (s *summary) fail(k key, elapsed float64) {
	lines := s.output[k]
	delete(s.output, k)
	if k.test != "" {
		s.failed++
		s.failing[k.pkg]++
		s.times = append(s.times, timing{k, elapsed})
		for _, line := range lines {
			fmt.Fprint(s.out, line)
		}
		s.said = append(s.said, digest{k, heads(lines)})
		return
	}
	if s.failing[k.pkg] == 0 {
		s.broken = append(s.broken, k.pkg)
		for other, text := range s.output { // a test that was running when its process died
			if other.pkg == k.pkg {
				for _, line := range text {
					fmt.Fprint(s.out, line)
				}
			}
		}
	}
	for _, line := range lines {
		fmt.Fprint(s.out, line)
	}
}

// packageLine prints the one line of a package that passed: "ok", its time and its coverage.
func (s *summary) packageLine(lines []string) {
	for _, line := range lines {
		if strings.HasPrefix(line, "ok ") || strings.HasPrefix(line, "FAIL") {
			fmt.Fprint(s.out, line)
		}
	}
}

// said leaves out the lines that the go command adds.
func said(lines []string) []string {
	var text []string
	for _, line := range lines {
		trimmed := strings.TrimSpace(line)
		if trimmed != "" && !strings.HasPrefix(trimmed, "=== ") && !strings.HasPrefix(trimmed, "--- ") {
			text = append(text, line)
		}
	}
	return text
}

// heads are the lines that a test began by naming a place in its source, the first and the last ones of many, and none longer than a screen is wide.
func heads(lines []string) []string {
	const first, last, width = 12, 12, 240
	var out []string
	for _, line := range lines {
		line = strings.TrimRight(line, "\n")
		if place.MatchString(line) {
			out = append(out, line[:min(len(line), width)])
		}
	}
	if more := len(out) - first - last; more > 0 {
		out = slices.Replace(out, first, len(out)-last, fmt.Sprintf("    … %d more", more))
	}
	return out
}

// place is how a line of a test begins, and one of the runtime about its end.
var place = regexp.MustCompile(`^\s+[\w.]+\.go:\d+: |^panic: |^fatal error: |DATA RACE`)

// close prints the rest and reports whether the run is bad.
func (s *summary) close(allowed []skip, slow int) bool {
	bad := s.failed > 0 || len(s.broken) > 0
	slices.SortFunc(s.times, func(a, b timing) int { return int((b.elapsed - a.elapsed) * 1000) })
	for i, t := range s.times {
		if i == slow || t.elapsed < 1 {
			break
		}
		fmt.Fprintf(s.out, "slow  %8s  %s %s\n", time.Duration(t.elapsed*float64(time.Second)).Round(10*time.Millisecond), t.pkg, t.test)
	}
	for _, k := range s.skipped {
		why := find(allowed, k)
		if why == "" {
			bad = true
			fmt.Fprintf(s.out, "SKIPPED, and tools/skips.txt does not allow it: %s %s: %s\n", k.pkg, k.test, s.reason[k])
			continue
		}
		fmt.Fprintf(s.out, "skipped  %s %s: %s (%s)\n", k.pkg, k.test, s.reason[k], why)
	}
	for _, pkg := range s.broken {
		fmt.Fprintf(s.out, "FAIL  %s did not build, or died outside a test\n", pkg)
		s.failed++
	}
	if s.passed+s.failed == 0 {
		bad = true
		fmt.Fprintln(s.out, "no test ran")
	}
	for _, d := range s.said { // where the end of a long log is all that is looked at, this is what has to stand there
		fmt.Fprintf(s.out, "failed  %s %s\n", d.pkg, d.test)
		for _, line := range d.lines {
			fmt.Fprintln(s.out, line)
		}
	}
	fmt.Fprintf(s.out, "%d passed, %d failed, %d skipped\n", s.passed, s.failed, len(s.skipped))
	return bad
}

// skip is a line of the file of allowed skips.
type skip struct{ pattern, reason string }

func readSkips(name string) ([]skip, error) {
	if name == "" {
		return nil, nil
	}
	text, err := os.ReadFile(name) //nolint:gosec // G304: the name is the caller's own file
	if err != nil {
		return nil, err
	}
	var list []skip
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		pattern, reason, _ := strings.Cut(line, " ")
		if strings.TrimSpace(reason) == "" {
			return nil, fmt.Errorf("%s: %q has no reason", name, line)
		}
		if _, err := path.Match(pattern, ""); err != nil {
			return nil, fmt.Errorf("%s: %q: %w", name, pattern, err)
		}
		list = append(list, skip{pattern, strings.TrimSpace(reason)})
	}
	return list, nil
}

func find(allowed []skip, k key) string {
	short := k.pkg[strings.LastIndexByte(k.pkg, '/')+1:] + "." + k.test
	for _, a := range allowed {
		if ok, err := path.Match(a.pattern, short); err == nil && ok {
			return a.reason
		}
	}
	return ""
}
