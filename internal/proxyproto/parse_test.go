package proxyproto_test

import (
	"strings"
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/proxyproto"
)

const v2 = "\r\n\r\n\x00\r\nQUIT\n"

// Each header is told whole, and from its last byte on only: what comes before it is asked for.
func TestParse(t *testing.T) {
	t.Parallel()
	v4 := "\xcb\x00\x71\x07" + "\x0a\x00\x00\x01" + "\x1f\x90\x00\x50"
	v6 := "\x20\x01\x0d\xb8" + strings.Repeat("\x00", 11) + "\x09" + strings.Repeat("\x00", 16) + "\x1f\x90\x00\x50"
	for _, tc := range []struct{ name, header, want string }{
		{"version 1", "PROXY TCP4 203.0.113.7 10.0.0.1 8080 80\r\n", "203.0.113.7:8080"},
		{"version 1, IPv6", "PROXY TCP6 2001:db8::9 ::1 8080 80\r\n", "[2001:db8::9]:8080"},
		{"version 1, unknown", "PROXY UNKNOWN\r\n", "none"},
		{"version 2", v2 + "\x21\x11\x00\x0c" + v4, "203.0.113.7:8080"},
		{"version 2 with more", v2 + "\x21\x11\x00\x10" + v4 + "more", "203.0.113.7:8080"},
		{"version 2, IPv6", v2 + "\x21\x21\x00\x24" + v6, "[2001:db8::9]:8080"},
		{"version 2, a health check", v2 + "\x20\x00\x00\x00", "none"},
		{"version 2, unix", v2 + "\x21\x31\x00\x02ab", "none"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for i := range len(tc.header) {
				_, n, err := proxyproto.Parse([]byte(tc.header[:i]))
				assert.NoError(t, "a part", err)
				assert.Equal(t, "of a part", n, 0)
			}
			from, n, err := proxyproto.Parse([]byte(tc.header + "GET"))
			assert.NoError(t, "the whole", err)
			assert.Equal(t, "length", n, len(tc.header))
			got := "none"
			if from.IsValid() {
				got = from.String()
			}
			assert.Equal(t, "address", got, tc.want)
		})
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	v4 := "\xcb\x00\x71\x07" + "\x0a\x00\x00\x01" + "\x1f\x90\x00\x50"
	for _, header := range []string{
		"GET / HTTP/1.1\r\n\r\n", "POST / HTTP/1.1\r\n\r\n", "PROXY " + strings.Repeat("x", 500), v2 + "\x21\x11\xff\xff",
		v2 + "\x31\x11\x00\x0c" + v4, "PROXY TCP4 here there 1 2\r\n", "PROXY TCP4 203.0.113.7 10.0.0.1 80800 80\r\n", "\r\n\r\nGET",
	} {
		if from, n, err := proxyproto.Parse([]byte(header)); err == nil {
			t.Errorf("%q: %v, %d", header, from, n)
		}
	}
}
