package api_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/api"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
)

// tokens counts what is taken of conversations.
type tokens struct{ taken atomic.Int64 }

func (*tokens) TakeRequest(chat.UserID) time.Duration { return 0 }
func (*tokens) TakeFind(chat.UserID) time.Duration    { return 0 }
func (*tokens) TakeAddress(string) time.Duration      { return 0 }
func (k *tokens) TakeSend(chat.UserID, chat.ConversationID) *chat.Error {
	k.taken.Add(1)
	return nil
}
func (k *tokens) GiveSend(chat.ConversationID) { k.taken.Add(-1) }

// A stranger's sends are refused and take nothing of what a conversation's members may send.
func TestRefusedSendsTakeNothingOfAConversation(t *testing.T) {
	t.Parallel()
	w, limits := newWorld(t), new(tokens)
	member, stranger := w.person(t, false), w.person(t, false)
	id, err := w.conversations.OpenDirect(t.Context(), member.id, member.id)
	assert.NoError(t, "opening a conversation", err)
	door := newAPI(t, w, new(logBuffer), func(d *api.Deps) { d.Limits = limits })
	send := func(from person, client []byte) string {
		return door.call(t, "MessageService/Send", fmt.Sprintf(`{"conversation":"%d","clientId":%q,"text":"x"}`, id, b64(client)), bearer(from.token)).reason()
	}
	fresh := w.clientID()
	assert.Equal(t, "a stranger", send(stranger, fresh[:]), "conversation_not_found")
	assert.Equal(t, "a broken request", send(member, []byte("short")), "client_id_invalid")
	assert.Equal(t, "tokens that refused sends took", limits.taken.Load(), 0)
	assert.Equal(t, "a member", send(member, fresh[:]), "ok")
	assert.Equal(t, "tokens that a message took", limits.taken.Load(), 1)
}
