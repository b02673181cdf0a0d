package wsconform_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/test/process"
	"github.com/throng-im/throng/test/wsconform"
)

// TestSession asks the real server what makes sense without an echo: handshakes, framing, limits, close frames (S-1 to S-3, S-23,
// S-24, S-27, S-32, CLOSE-2, CLOSE-5; security nos. 1, 2, 6 to 8, 10, 11, 14 to 22).
func TestSession(t *testing.T) {
	var b process.Builder
	binary, err := b.Binary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Remove() }()
	s := process.New(binary, t.TempDir())
	if _, err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	}()
	url, err := s.URL(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	judge(t, &wsconform.Target{
		Address: strings.TrimPrefix(url, "http://"), Path: "/v1/session", Text: "throng.v1.json", Binary: "throng.v1.proto",
		Origins: true, Limit: chat.MaxFirstFrameBytes, Head: 16 << 10, Headers: 100,
	}, 360, netHTTP(runtime.GOOS != "linux", early, earlier)...)
}
