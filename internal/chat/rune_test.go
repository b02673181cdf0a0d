package chat_test

import (
	"strings"
	"testing"

	"github.com/throng-im/throng/internal/chat"
)

func TestUnprintable(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"爱丽丝 Åsa":               false,
		"👩\u200d👩\u200d👧":       false, // joined to one family
		"\u05d0\u05d1 \u200f x": false, // Hebrew with a direction mark
		"a\x1b[31m":             true,
		"a\nb":                  true,
		"a\u2028b":              true,
		"nimda\u202e":           true,
		"\u2067admin":           true,
		"\u0085":                true,
	} {
		if got := strings.ContainsFunc(text, chat.Unprintable); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
