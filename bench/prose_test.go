package bench

import (
	"bytes"
	"testing"
	"unicode/utf8"
)

func TestProse(t *testing.T) {
	t.Parallel()
	p := newProse()
	if !bytes.Equal(p, newProse()) {
		t.Fatal("two runs would not send the same")
	}
	seen := map[string]bool{}
	for k := range uint64(1_000) {
		text := p.cut(200, k)
		if len(text) != 200 || !utf8.Valid(text) {
			t.Fatalf("text %d: %q", k, text)
		}
		seen[string(text)] = true
	}
	if len(seen) < 990 {
		t.Errorf("of 1000 texts only %d differ", len(seen))
	}
	if long := p.cut(maxSize, 7); len(long) != maxSize {
		t.Errorf("the longest text has %d bytes", len(long))
	}
}
