package text_test

import (
	"bytes"
	"testing"
	"unicode/utf8"

	"github.com/throng-im/throng/bench/text"
)

const longest = 400_000 // bytes of a message

func TestProse(t *testing.T) {
	t.Parallel()
	p := text.NewProse()
	if !bytes.Equal(p, text.NewProse()) {
		t.Fatal("two runs would not send the same")
	}
	seen := map[string]bool{}
	for k := range uint64(1_000) {
		words := p.Cut(200, k)
		if len(words) != 200 || !utf8.Valid(words) {
			t.Fatalf("text %d: %q", k, words)
		}
		seen[string(words)] = true
	}
	if len(seen) < 990 {
		t.Errorf("of 1000 texts only %d differ", len(seen))
	}
	if long := p.Cut(longest, 7); len(long) != longest {
		t.Errorf("the longest text has %d bytes", len(long))
	}
}
