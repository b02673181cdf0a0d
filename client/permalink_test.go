package client_test

import (
	"testing"

	"github.com/throng-im/throng/client"
)

// MLK-1, MLK-2: what is a link to a message, and of which server.
func TestParseMessageLink(t *testing.T) {
	t.Parallel()
	for text, server := range map[string]string{
		"4/12": "", "  4/12\n": "", "https://chat.example/c/4/12": "https://chat.example", "http://localhost:8080/some/where/c/4/12": "http://localhost:8080/some/where",
		"https://chat.example/c/9/9/c/4/12": "https://chat.example/c/9/9", client.MessageLink("https://chat.example/", 4, 12): "https://chat.example",
		client.MessageLink("", 4, 12): "",
	} {
		if got, conv, seq, ok := client.ParseMessageLink(text); !ok || got != server || conv != 4 || seq != 12 {
			t.Errorf("%q: got %q, %d, %d, %v", text, got, conv, seq, ok)
		}
	}
	for _, text := range []string{
		"", "/", "4", "4/", "/12", "4/0", "0/12", "04/12", "4/+12", "4/-1", "4/12/", "4/12/1", "c/4/12", "4/9007199254740992", "18446744073709551617/1",
		"ftp://chat.example/c/4/12", "https:///c/4/12", "https://chat.example/4/12", "https://chat.example/c/4/12?x", "https://chat.example/c/4/12?",
		"https://chat.example/c/4/12#x", "https://chat.example/c/4/12#", "https://me@chat.example/c/4/12", "https://chat.example/c/4/12/", "https://chat.example/c/4%2f12",
	} {
		if _, _, _, ok := client.ParseMessageLink(text); ok {
			t.Errorf("%q is taken for a link", text)
		}
	}
}

// FuzzParseMessageLink: whatever is read as a link is written as one that says the same.
func FuzzParseMessageLink(f *testing.F) {
	for _, s := range []string{"4/12", "https://chat.example/c/4/12", "https://chat.example/a/c/4/12", "http://[::1]:8080/c/9007199254740991/1", "https://chat.example/c/4%2f12"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		server, conv, seq, ok := client.ParseMessageLink(text)
		if !ok {
			return
		}
		if conv == 0 || seq == 0 {
			t.Fatalf("%q is %d/%d", text, conv, seq)
		}
		again, c, s, ok := client.ParseMessageLink(client.MessageLink(server, conv, seq))
		if !ok || again != server || c != conv || s != seq {
			t.Errorf("%q is %d/%d at %q, which is read as %d/%d at %q", text, conv, seq, server, c, s, again)
		}
	})
}
