package pebble_test

import (
	"io"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/store/pebble"
)

// I24: a damaged block is an error of who reads it. Others read on, and the process does not end.
func TestDamagedBlockIsAnErrorOfItsReader(t *testing.T) {
	t.Parallel()
	fs := vfs.NewMem()
	open := func() *pebble.Store {
		s, err := pebble.Open("data", pebble.Options{FS: fs, MemTableBytes: 64 << 10, Fatal: func(err error) { t.Errorf("fatal: %v", err) }})
		assert.NoError(t, "opening", err)
		return s
	}
	s := open()
	const rooms = 200
	for i := range rooms {
		drafts := []*chat.Draft{created(i)}
		for n := range 5 {
			drafts = append(drafts, &chat.Draft{
				Conversation: chat.ConversationID(i + 1), Sender: chat.UserID(2*i + 1), ClientID: chat.ClientID{byte(n), 1},
				Body: chat.Text{Text: strings.Repeat("words ", 100+n)},
			})
		}
		_, err := s.Append(t.Context(), drafts)
		assert.NoError(t, "append", err)
	}
	assert.NoError(t, "closing", s.Close())
	s = open() // replays what was left into tables
	assert.NoError(t, "closing", s.Close())
	names, err := fs.List("data")
	assert.NoError(t, "listing", err)
	damaged := false
	for _, name := range names {
		f, err := fs.OpenReadWrite("data/"+name, vfs.WriteCategoryUnspecified)
		assert.NoError(t, "opening a file", err)
		b, err := io.ReadAll(f)
		assert.NoError(t, "reading a file", err)
		if strings.HasSuffix(name, ".sst") && len(b) > 8_000 { // a block of entries, early in a table
			_, err = f.WriteAt([]byte{^b[2_000]}, 2_000)
			assert.NoError(t, "writing", err)
			damaged = true
		}
		assert.NoError(t, "closing a file", f.Close())
	}
	assert.True(t, "there is a table", damaged)
	s = open()
	failed, read := 0, 0
	for i := range rooms {
		page, err := s.Range(t.Context(), message.Range{Conversation: chat.ConversationID(i + 1)})
		if err != nil {
			assert.Equal(t, "code", chat.AsError(err).Code, chat.CodeInternal)
			failed++
			continue
		}
		assert.Equal(t, "entries", len(page), 6)
		read++
	}
	assert.True(t, "some reads fail, others do not", failed > 0 && read > 0)
	assert.NoError(t, "closing", s.Close())
}
