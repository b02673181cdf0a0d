package arch_test

import (
	"regexp"
	"strings"
	"testing"
)

// words that belong to one place: nothing else asks whether the process is alone.
var words = []struct {
	pattern *regexp.Regexp
	phrases *strings.Replacer // in which the word means something else; nil for none
	places  []string
	reason  string
}{
	{
		regexp.MustCompile(`(?i)\b(standalone|mode)\b`), strings.NewReplacer("slow mode", "", "Slow mode", "", "slow_mode", "", "IN SHARE MODE", ""),
		[]string{"internal/config", "internal/app", "internal/arch"},
		"a single process is a cluster of one; only config and the wiring may ask which it is",
	},
	{
		regexp.MustCompile(`(?i)\b(TODO|FIXME|XXX)\b`), nil,
		[]string{"internal/arch"},
		"what is left to do stands in the README's list or in an issue",
	},
}

func TestWordsHaveTheirPlace(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if s.test || !under(s.dir, "internal") {
			continue
		}
		for _, w := range words {
			if anyUnder(s.dir, w.places) {
				continue
			}
			number := 0
			for line := range strings.Lines(s.text) {
				number++
				if w.phrases != nil {
					line = w.phrases.Replace(line)
				}
				if word := w.pattern.FindString(line); word != "" {
					t.Errorf("%s:%d says %q: %s", s.name, number, word, w.reason)
				}
			}
		}
	}
}
