package local_test

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/porttest"
	"github.com/throng-im/throng/internal/store/local"
	"github.com/throng-im/throng/internal/store/pebble"
)

func TestStreams(t *testing.T) {
	t.Parallel()
	porttest.Streams(t, func(t testing.TB) porttest.SharedStreams {
		store, err := pebble.Open("data", pebble.Options{FS: vfs.NewMem()})
		assert.NoError(t, "opening", err)
		t.Cleanup(func() { _ = store.Close() })
		sent := 0
		made := map[chat.ConversationID]bool{}
		commit := func(t testing.TB, drafts ...*chat.Draft) {
			t.Helper()
			applied, err := store.Append(t.Context(), drafts)
			assert.NoError(t, "appending", err)
			assert.NoError(t, "waiting", applied.Wait(t.Context()))
			for _, r := range applied.Results() {
				assert.True(t, "no rule refuses it", r.Err == nil)
			}
		}
		return porttest.SharedStreams{
			Streams: 1,
			Alone:   "one process has one node: nobody takes its stream, and who commits is the process that forgets",
			Append: func(t testing.TB, id chat.ConversationID, n int) {
				var drafts []*chat.Draft
				for range n {
					sent++
					d := &chat.Draft{
						Conversation: id, Sender: 1, Device: 101, ClientID: chat.ClientID{1, byte(sent >> 16), byte(sent >> 8), byte(sent)},
						Body: chat.Text{Text: "x"},
					}
					if !made[id] {
						made[id] = true
						d.Body, d.ClientID = chat.Created{Kind: chat.KindGroup, Name: "g", Members: []chat.UserID{1}}, chat.ClientID{}
					}
					drafts = append(drafts, d)
				}
				commit(t, drafts...)
			},
			Join: func(testing.TB) porttest.StreamsNode {
				return porttest.StreamsNode{Streams: local.NewStreams(store), Lose: func() {}}
			},
		}
	})
}
