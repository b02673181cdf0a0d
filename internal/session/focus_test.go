package session_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/session"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// S-33 to S-35: what is open is what the session was told last, and a new connection begins with nothing.
func TestFocus(t *testing.T) {
	t.Parallel()
	cfg := session.Default()
	env := session.NewEnv(&cfg, nil, 0)
	open := func() *session.Session {
		s := session.New(env, wire.Proto, 0)
		s.Handle(0, authenticate("1:10"))
		s.Authenticated(0, 0, 1, accountOf(1, 10), nil)
		s.Subscribed(0, 0, 1, nil)
		s.Calls()
		return s
	}
	s := open()
	ask := func(ids ...uint64) {
		s.Handle(0, &throngv1.ClientEnvelope{Id: 2, Request: &throngv1.ClientEnvelope_Focus{Focus: &throngv1.FocusRequest{Conversations: ids}}})
		assert.True(t, "the focus is in force before the heads are read (S-34)", s.Refocused() && !s.Refocused())
		assert.Equal(t, "calls", len(s.Calls()), 1)
		s.Answered(2, nil, nil)
	}
	assert.True(t, "nothing is open at first", !s.Focused(5))
	ask(5, 6)
	assert.True(t, "what was named", s.Focused(5) && s.Focused(6) && !s.Focused(7))
	ask(7)
	assert.True(t, "in place of what was named before", !s.Focused(5) && s.Focused(7))
	assert.Equal(t, "the list", s.Focus(), []chat.ConversationID{7})
	ask()
	assert.True(t, "none is nothing", !s.Focused(7))
	ask(7)
	s.Release()
	assert.True(t, "it ends with the connection (S-35)", !open().Focused(7))
}

// A session that may have missed something gets one sync hint, however often it is told; content that comes meanwhile is behind it.
func TestMissed(t *testing.T) {
	t.Parallel()
	cfg := session.Default()
	env := session.NewEnv(&cfg, nil, 0)
	s := session.New(env, wire.Proto, 0)
	s.Missed()
	assert.True(t, "before it is open it has not synced", s.Outbox().Empty())
	s.Handle(0, authenticate("1:10"))
	s.Authenticated(0, 0, 1, accountOf(1, 10), nil)
	s.Subscribed(0, 0, 1, nil)
	s.Outbox().Take()
	s.Missed()
	s.Missed()
	frame, _ := s.Outbox().Take()
	var f throngv1.ServerFrame
	assert.NoError(t, "decoding", proto.Unmarshal(payload(frame), &f))
	assert.True(t, "one hint", len(f.GetEnvelopes()) == 1 && f.GetEnvelopes()[0].GetSyncHint() != nil)
	assert.True(t, "and no more", s.Outbox().Empty())
}
