package chat_test

import (
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
)

func TestSafeRef(t *testing.T) {
	t.Parallel()
	for ref, safe := range map[string]bool{
		"":                             true,
		"blobs/3f/a9":                  true,
		"/media/3":                     true,
		"https://example.org/a b.png":  false,
		"https://example.org/a%20.png": true,
		"https://example.org/ü.png":    true,
		"HTTPS://example.org/":         false, // canonical or not at all
		"http://example.org/":          false,
		"//example.org/a.png":          false,
		`\\example.org\a.png`:          false,
		"javascript:alert(1)":          false,
		"JaVaScRiPt:alert(1)":          false,
		"java\nscript:alert(1)":        false,
		" javascript:alert(1)":         false,
		"data:text/html,x":             false,
		"file:///etc/passwd":           false,
		"https://x\r\nSet-Cookie: a=b": false,
		"\x00https://x":                false,
		"\t//example.org":              false,
	} {
		assert.Equal(t, ref, chat.SafeRef(ref), safe)
	}
}
