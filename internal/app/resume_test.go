package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/app"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/config"
)

// cutExport goes on with an archive of which only the beginning is there, as `throng export --resume` does.
func cutExport(t testing.TB, c *config.Config, there []byte) []byte {
	t.Helper()
	cut, err := app.InspectExport(bytes.NewReader(there))
	assert.NoError(t, "inspect", err)
	assert.True(t, "what is kept is there", cut.Offset <= int64(len(there)))
	out := bytes.NewBuffer(append([]byte(nil), there[:cut.Offset]...))
	op := operator(t, c)
	assert.NoError(t, "export", op.Export(t.Context(), out, true, cut))
	assert.NoError(t, "close", op.Close())
	return out.Bytes()
}

// places are where an archive is cut: at random, in the middle of lines and between them.
func places(t testing.TB, whole []byte, n int) []int {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	at := []int{0, 1, bytes.IndexByte(whole, '\n'), bytes.IndexByte(whole, '\n') + 1, len(whole) - 1}
	for range n {
		p := rng.IntN(len(whole))
		at = append(at, p, min(p+1+bytes.IndexByte(whole[p:], '\n'), len(whole)-1)) // never the whole of it
	}
	return at[:len(at)-1]
}

// Where nothing has changed meanwhile, a resumed archive is the archive, wherever it was cut.
func TestExportsThatWereCutOffGoOn(t *testing.T) {
	t.Parallel()
	s := begin(t, settings(t))
	populate(t, s)
	whole := cutExport(t, s.cfg, nil)
	_, rest, _ := bytes.Cut(whole, []byte("\n"))
	for _, at := range places(t, whole, 40) {
		got := cutExport(t, s.cfg, whole[:at])
		_, after, _ := bytes.Cut(got, []byte("\n")) // one that is begun anew has another time in its first line
		assert.Equal(t, fmt.Sprintf("cut at byte %d", at), string(after), string(rest))
	}
	_, err := app.InspectExport(bytes.NewReader(whole))
	assert.ErrorIs(t, "the whole archive", err, app.ErrWhole)
}

// A power cut leaves more than a line cut short: the end of a file may be there before its middle.
func TestExportsGoOnBehindGarbage(t *testing.T) {
	t.Parallel()
	s := begin(t, settings(t))
	populate(t, s)
	whole := cutExport(t, s.cfg, nil)
	for _, garbage := range []string{
		strings.Repeat("\x00", 4096), strings.Repeat("\x00", 9<<20), "\x00\n{}\n", "}\n", "\n", `{"type":"entry","conversation":1` + "\n",
	} {
		at := len(whole)/2 + 1 + bytes.IndexByte(whole[len(whole)/2:], '\n')
		torn := append(append([]byte(nil), whole[:at]...), garbage...)
		assert.Equal(t, "behind garbage", string(cutExport(t, s.cfg, append(torn, whole[at+len(garbage)%100:]...))), string(whole))
	}
	for name, text := range map[string]string{
		"another file":      "package main\n",
		"of one line":       "package main",
		"numbers":           "1\n2\n3\n",
		"a blank line":      "\n\nDear Ada,\n",
		"zeros and a text":  "\x00\x00\nDear Ada,\n",
		"one long line":     strings.Repeat("x", 9<<20),
		"other JSON":        `{"type":"user","id":1}` + "\n",
		"a newer version":   `{"type":"throng","version":99,"origin":"x"}` + "\n",
		"a newer line":      head + `{"type":"hologram"}` + "\n",
		"an id of no kind":  head + `{"type":"user","id":"x"}` + "\n",
		"two first lines":   head + head,
		"without an origin": `{"type":"throng","version":1}` + "\n",
	} {
		_, err := app.InspectExport(strings.NewReader(text))
		assert.True(t, name, err != nil)
	}
	for name, text := range map[string]string{
		"nothing": "", "zeros": strings.Repeat("\x00", 512), "a part of the header": head[:12], "and zeros": head[:40] + "\x00\x00\x00",
	} {
		cut, err := app.InspectExport(strings.NewReader(text))
		assert.NoError(t, name, err)
		assert.Equal(t, name, cut.Offset, int64(0))
	}
}

func TestExportsGoOnInTheirOwnInstallOnly(t *testing.T) {
	t.Parallel()
	s := begin(t, settings(t))
	populate(t, s)
	op := operator(t, s.cfg)
	defer func() { assert.NoError(t, "close", op.Close()) }()
	var out bytes.Buffer
	err := op.Export(t.Context(), &out, false, app.Cut{Origin: "there"})
	assert.True(t, fmt.Sprint("another install: ", err), err != nil && strings.Contains(err.Error(), "another install") && out.Len() == 0)
	cut, err := app.InspectExport(bytes.NewReader(cutExport(t, s.cfg, nil)[:200]))
	assert.NoError(t, "inspect", err)
	err = op.Export(t.Context(), &out, false, cut)
	assert.True(t, fmt.Sprint("without passwords: ", err), err != nil && strings.Contains(err.Error(), "passwords") && out.Len() == 0)
}

// An archive that was cut again and again while people went on is whole: it can be imported, everybody and every
// conversation stands in it, each with the entries from 1 on, as they are.
func TestExportsThatWereCutOffWhilePeopleWrite(t *testing.T) {
	t.Parallel()
	s := begin(t, settings(t))
	populate(t, s)
	p := people{t: t, s: s, tokens: map[string]string{}, ids: map[string]string{}}
	p.join("dee")
	p.group("dee")
	first := cutExport(t, s.cfg, nil)
	var archives [][]byte
	for _, at := range places(t, first, 6) {
		archives = append(archives, first[:at])
	}
	for round := range 2 {
		name := fmt.Sprintf("new%d", round)
		p.join(name)
		p.group("dee", name)
		p.busy(name)
		for i, there := range archives {
			archives[i] = cutExport(t, s.cfg, there)
			if round == 0 {
				archives[i] = archives[i][:len(there)+(len(archives[i])-len(there))*i/len(archives)]
			}
		}
	}
	now := cutExport(t, s.cfg, nil)
	for _, archive := range archives {
		c := settings(t)
		_, err := importInto(t, c, string(archive), app.Position{})
		assert.NoError(t, "import", err)
		_, err = importInto(t, c, string(archive), app.Position{})
		assert.NoError(t, "import again", err)
		checked(t, c.Data)
		got, want := linesOf(t, cutExport(t, c, nil)), linesOf(t, now)
		assert.Equal(t, "users", got.users, want.users)
		assert.Equal(t, "conversations", len(got.entries), len(want.entries))
		for id, entries := range got.entries {
			assert.True(t, "a conversation is there from its first entry on, as it is",
				len(entries) > 0 && strings.HasPrefix(strings.Join(want.entries[id], ""), strings.Join(entries, "")))
		}
	}
}

// contents are the lines of an archive that tell whether it is whole.
type contents struct {
	users   int
	entries map[string][]string // lines, by conversation
}

func linesOf(t testing.TB, archive []byte) contents {
	t.Helper()
	c := contents{entries: map[string][]string{}}
	for line := range strings.Lines(string(archive)) {
		var v struct {
			Type         string
			ID           json.Number
			Conversation json.Number
		}
		assert.NoError(t, "line", json.Unmarshal([]byte(line), &v))
		switch v.Type {
		case "user":
			c.users++
		case "entry":
			c.entries[v.Conversation.String()] = append(c.entries[v.Conversation.String()], line)
		}
	}
	return c
}

// people use a server while it is exported.
type people struct {
	t           testing.TB
	s           *server
	tokens, ids map[string]string
	groups      []string
	sent        int
}

func (p *people) do(who, procedure string, req map[string]any) map[string]any {
	p.t.Helper()
	status, out := call(p.t, p.s, p.tokens[who], procedure, req)
	if status != http.StatusOK {
		p.t.Fatalf("%s answered %d: %v", procedure, status, out)
	}
	return out
}

func (p *people) join(name string) {
	p.t.Helper()
	p.tokens[name], p.ids[name] = signUp(p.t, p.s, name, "")
}

func (p *people) group(owner string, members ...string) {
	p.t.Helper()
	p.sent++
	var ids []any
	for _, m := range members {
		ids = append(ids, p.ids[m])
	}
	p.groups = append(p.groups, idOf(p.do(owner, "ConversationService/CreateGroup", map[string]any{
		"clientId": wireID(5_000 + p.sent), "name": "later", "members": ids,
	})["conversation"]))
}

// busy writes into all groups, adds somebody to each, reads and sets things.
func (p *people) busy(name string) {
	p.t.Helper()
	for _, g := range p.groups {
		p.do("dee", "ConversationService/AddMembers", map[string]any{"conversation": g, "users": []any{p.ids[name]}})
		for range 3 {
			p.sent++
			p.do(name, "MessageService/Send", map[string]any{"conversation": g, "clientId": wireID(5_000 + p.sent), "text": "more"})
		}
		p.do("dee", "MessageService/MarkRead", map[string]any{"conversation": g, "seq": "2"})
		p.do(name, "ConversationService/UpdateSettings", map[string]any{"conversation": g, "pinned": true, "markedUnread": true})
	}
	p.do("dee", "AccountService/UpdateProfile", map[string]any{"name": "Dee and " + name})
}
