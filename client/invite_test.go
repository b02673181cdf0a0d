package client_test

import (
	"strings"
	"testing"

	"github.com/throng-im/throng/client"
)

const token = "AAAAAAAAAAf-_0123456789abcdefABC"

// INV-9: what is a link, and of which server.
func TestParseLink(t *testing.T) {
	t.Parallel()
	for text, server := range map[string]string{
		token: "", "  " + token + "\n": "", "https://chat.example/join#" + token: "https://chat.example",
		"http://localhost:8080/some/where/join#" + token: "http://localhost:8080/some/where",
		client.LinkURL("https://chat.example/", token):   "https://chat.example",
	} {
		if got, tok, ok := client.ParseLink(text); !ok || got != server || tok != token {
			t.Errorf("%q: got %q, %q, %v", text, got, tok, ok)
		}
	}
	for _, text := range []string{
		"", "join#" + token, token + "A", token[1:], strings.Replace(token, "-", "+", 1), "ftp://chat.example/join#" + token, "https:///join#" + token,
		"https://chat.example/#" + token, "https://chat.example/join?x#" + token, "https://me@chat.example/join#" + token, "https://chat.example/join#" + token + "/",
	} {
		if _, _, ok := client.ParseLink(text); ok {
			t.Errorf("%q is taken for a link", text)
		}
	}
}

func FuzzParseLink(f *testing.F) {
	f.Add(token)
	f.Add("https://chat.example/join#" + token)
	f.Fuzz(func(t *testing.T, text string) {
		server, tok, ok := client.ParseLink(text)
		if !ok {
			return
		}
		if server == "" {
			server = "https://chat.example"
		}
		again, same, ok := client.ParseLink(client.LinkURL(server, tok))
		if !ok || same != tok || again != server {
			t.Errorf("%q is %q at %q, which is read as %q at %q", text, tok, server, same, again)
		}
	})
}
