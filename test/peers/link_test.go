//go:build peers

package peers_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/throng-im/throng/client/link"
)

// said is a line of node/server.js.
type said struct {
	Port   int    `json:"port"`
	Closed int    `json:"closed"`
	Error  string `json:"error"`
}

// TestLink: the SDK's link against Node's ws as a server.
func TestLink(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), node(t), "node/server.js")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill() // it serves until then
		_ = cmd.Wait()
	}()
	lines := bufio.NewScanner(out)
	hear := func(t *testing.T) (s said) {
		t.Helper()
		if !lines.Scan() || json.Unmarshal(lines.Bytes(), &s) != nil {
			t.Fatalf("the server said %q, %v", lines.Bytes(), lines.Err())
		}
		return s
	}
	url := fmt.Sprintf("ws://127.0.0.1:%d", hear(t).Port)
	big := strings.Repeat("x", 200_000)
	for _, subprotocol := range []string{"proto", "json"} {
		for _, tc := range []struct {
			ask, answer string
			closed      int // the server's close code; 0: the client says goodbye
		}{
			{ask: "hello", answer: "hello"},
			{ask: "κόσμε 🌍", answer: "κόσμε 🌍"},
			{ask: "", answer: ""},
			{ask: "ping now", answer: "pong now"},
			{ask: "pieces abcdef", answer: "abcdef"},
			{ask: "extensions", answer: `""`}, // the link offers none
			{ask: "large 0", answer: ""},
			{ask: "large 125", answer: big[:125]},
			{ask: "large 126", answer: big[:126]},
			{ask: "large 65535", answer: big[:65_535]},
			{ask: "large 65536", answer: big[:65_536]},
			{ask: "large 200000", answer: big},
			{ask: "length " + big, answer: "200007"},
			{ask: "close 4100 drain", closed: 4100},
			{ask: "close 1000", closed: 1000},
		} {
			name := tc.ask[:min(len(tc.ask), 20)]
			t.Run(subprotocol+"/"+name, func(t *testing.T) {
				l, err := link.Dial(t.Context(), link.Config{URL: url, JSON: subprotocol == "json"})
				if err != nil {
					t.Fatal(err)
				}
				if err := l.Write([]byte(tc.ask)); err != nil {
					t.Fatal(err)
				}
				b, err := l.Read()
				if tc.closed == 0 {
					if err != nil || string(b) != tc.answer {
						t.Errorf("answered with %.40q (%d bytes), %v", b, len(b), err)
					}
					if err := l.Close(3000, "so long"); err != nil {
						t.Error(err)
					}
					if s := hear(t); s.Closed != 3000 || s.Error != "" {
						t.Errorf("the server saw the end as %+v", s)
					}
					return
				}
				var end *link.CloseError
				if !errors.As(err, &end) || end.Code != tc.closed || end.Local {
					t.Errorf("read %.40q, %v; wanted the end with %d", b, err, tc.closed)
				}
				if s := hear(t); s.Error != "" {
					t.Errorf("the server saw the end as %+v", s)
				}
			})
		}
	}
	t.Run("cut", func(t *testing.T) {
		l, err := link.Dial(t.Context(), link.Config{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Write([]byte("cut")); err != nil {
			t.Fatal(err)
		}
		var end *link.CloseError
		if b, err := l.Read(); err == nil || errors.As(err, &end) {
			t.Errorf("read %q, %v", b, err)
		}
	})
}
