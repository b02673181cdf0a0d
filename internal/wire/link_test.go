package wire_test

import (
	"testing"

	"github.com/throng-im/throng/client"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/wire"
)

// MLK-1, MLK-2, MLK-4: a server reads its own links, as it writes them and as people do, and nobody else's.
func TestMessageLink(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		public, text string
		ok           bool
	}{
		{"", "4/12", true},
		{"", " 4/12 ", true},
		{"", "https://any.example/c/4/12", true},
		{"https://chat.example", "4/12", true},
		{"https://chat.example", "https://chat.example/c/4/12", true},
		{"https://chat.example/", "https://CHAT.example/c/4/12", true},
		{"https://chat.example/at/", "https://chat.example/at/c/4/12", true},
		{"https://chat.example/at", "https://chat.example/c/4/12", false},
		{"https://chat.example", "https://chat.example/at/c/4/12", false},
		{"https://chat.example", "http://chat.example/c/4/12", false},
		{"https://chat.example", "https://chat.example:444/c/4/12", false},
		{"https://chat.example", "https://other.example/c/4/12", false},
		{"", "https://chat.example/c/4/12/", false},
		{"", "4/012", false},
		{"", "4/0", false},
		{"", "", false},
		{"", "4", false},
		{"", "4/9007199254740992", false},
	} {
		id, seq, err := wire.ParseMessageLink(c.public, c.text)
		if !c.ok {
			assert.Equal(t, "reason of "+c.text, chat.AsError(err).Reason, chat.ReasonMessageLinkInvalid)
			continue
		}
		assert.True(t, c.text, err == nil && id == 4 && seq == 12)
	}
	for _, public := range []string{"", "https://chat.example", "https://chat.example/at/"} {
		link := wire.MessageLink(public, 4, 12)
		id, seq, err := wire.ParseMessageLink(public, link)
		assert.True(t, link, err == nil && id == 4 && seq == 12)
		assert.Equal(t, "as clients write it", client.MessageLink(public, 4, 12), link)
	}
}

// FuzzMessageLink: servers and clients read the same links.
func FuzzMessageLink(f *testing.F) {
	for _, s := range []string{"4/12", "https://chat.example/c/4/12", "http://[::1]/a/c/1/1", "https://chat.example/c/4/12?", "https://chat.example/c/4%2f12", "a:b@c/c/1/1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, seq, err := wire.ParseMessageLink("", text)
		_, conv, at, ok := client.ParseMessageLink(text)
		if (err == nil) != ok || uint64(id) != uint64(conv) && ok || uint64(seq) != at && ok {
			t.Errorf("%q: the server reads %d/%d (%v), the client %d/%d (%v)", text, id, seq, err, conv, at, ok)
		}
	})
}
