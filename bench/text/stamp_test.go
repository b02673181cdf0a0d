package text_test

import (
	"testing"

	"github.com/throng-im/throng/bench/text"
)

func TestStamp(t *testing.T) {
	t.Parallel()
	for _, n := range []int{text.MinBytes, 41, 200} {
		words := make([]byte, n)
		want := text.Stamp{Sender: 0xfedcba98, Counter: 7, Due: 1 << 50}
		want.Write(words)
		if got, ok := text.Read(words); !ok || got != want {
			t.Errorf("%d bytes: %+v, %v", n, got, ok)
		}
		for i := range words {
			words[i] ^= 1
			if got, ok := text.Read(words); ok {
				t.Errorf("%d bytes: damage at %d passes as %+v", n, i, got)
			}
			words[i] ^= 1
		}
	}
	if _, ok := text.Read([]byte("short")); ok {
		t.Error("a short text passes")
	}
}
