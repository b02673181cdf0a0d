package wsconform_test

import (
	"testing"

	"github.com/throng-im/throng/test/wsconform"
)

const (
	// Text is looked at when its frame is complete; the RFC does not say when.
	early, earlier = "utf8/early, within a frame", "utf8/early, within a frame and a character"
)

// netHTTP adds what net/http reads as it may, where it is what reads handshakes: RFC 9112 sections 2.2 and 5.2 leave both to the
// server.
func netHTTP(reads bool, lenient ...string) []string {
	if reads {
		lenient = append(lenient, "handshake/lines that end with LF", "handshake/folded header")
	}
	return lenient
}

// judge asks the target everything, whole and chopped. Nothing but strict is good enough, apart from the cases that are named: they
// are lenient.
func judge(t *testing.T, target *wsconform.Target, least int, lenient ...string) {
	t.Helper()
	list := wsconform.Run(t.Context(), target)
	if len(list)/2 < least {
		t.Errorf("only %d cases were asked", len(list)/2)
	}
	want := make(map[string]wsconform.Rating)
	for _, id := range lenient {
		want[id] = wsconform.Lenient
	}
	seen := make(map[string]bool)
	for _, p := range list {
		id := p.Case.ID()
		if !p.Chop && seen[id] {
			t.Errorf("two cases are called %s", id)
		}
		seen[id] = true
		t.Run(id, func(t *testing.T) {
			if p.Rating != want[id] {
				t.Errorf("wanted %s: %s", want[id], p)
			}
		})
	}
	for id := range want {
		if !seen[id] {
			t.Errorf("there is no case %s", id)
		}
	}
	t.Logf("%d cases, whole and chopped", len(list)/2)
}
