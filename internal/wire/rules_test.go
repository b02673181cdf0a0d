package wire_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	ruleHead = regexp.MustCompile(`(?m)^- \*\*((?:S|SEND|SYNC|DLV|HTTP|GATE|PRE|ERR|CLOSE)-[0-9]+)\*\*`)
	citation = regexp.MustCompile(`\b(?:S|SEND|SYNC|DLV|HTTP|GATE|PRE|ERR|CLOSE)-[0-9]+\b`)
)

// rules reads the numbers of all rules of docs/spec.
func rules(t *testing.T) map[string]string {
	t.Helper()
	pages, err := filepath.Glob("../../docs/spec/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	out := map[string]string{}
	for _, page := range pages {
		b, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range ruleHead.FindAllStringSubmatch(string(b), -1) {
			if was, ok := out[m[1]]; ok {
				t.Errorf("%s stands in %s and in %s", m[1], was, page)
			}
			out[m[1]] = page
		}
		for _, c := range citation.FindAllString(string(b), -1) {
			if c != "S-256" && c != "SHA-256" { // SHA-256 is no rule
				out["cited "+c] = page
			}
		}
	}
	for k, page := range out {
		if rule, ok := strings.CutPrefix(k, "cited "); ok {
			if _, known := out[rule]; !known {
				t.Errorf("%s cites %s, which is no rule", page, rule)
			}
			delete(out, k)
		}
	}
	return out
}

// mostSilent is how many rules may be without a citing test. It only falls.
const mostSilent = 0

// The spec and the tests cite each other: whoever cites a rule cites one that there is.
func TestCitationsLeadToRules(t *testing.T) {
	t.Parallel()
	known := rules(t)
	cited := map[string]bool{}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git" || d.Name() == ".bin"):
			return fs.SkipDir
		case d.IsDir() || !(strings.HasSuffix(path, ".go") || strings.HasSuffix(path, ".ts") || strings.HasSuffix(path, ".txt")):
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return nil //nolint:nilerr // it went while others worked
		}
		for _, c := range citation.FindAllString(string(b), -1) {
			if _, ok := known[c]; !ok && !strings.HasPrefix(c, "S-256") {
				t.Errorf("%s cites %s, which is no rule", path, c)
			}
			if strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, ".txt") || strings.HasSuffix(path, ".test.ts") {
				cited[c] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var silent []string
	for rule := range known {
		if !cited[rule] {
			silent = append(silent, rule)
		}
	}
	slices.Sort(silent)
	text := strings.Join(silent, " ")
	t.Logf("%d rules, %d without a citing test: %s", len(known), len(silent), text)
	if len(silent) > mostSilent {
		t.Errorf("%d rules have no test that cites them, at most %d are allowed: %s", len(silent), mostSilent, text)
	}
}
