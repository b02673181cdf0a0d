package porttest

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/invite"
)

// LinkStore is an adapter of invite.Links.
type LinkStore struct {
	invite.Links

	Close func() error
	// Crash opens what a power loss at this moment leaves, or another node.
	Crash func(t testing.TB) LinkStore
}

// Links holds an adapter to the rules of invite.Links. open returns a fresh, empty store.
func Links(t *testing.T, open func(t testing.TB) LinkStore) {
	t.Helper()
	for name, test := range map[string]func(t *testing.T, s LinkStore){
		"LNK-1 what was changed stands":          linksStand,
		"LNK-2 changes at once see one another":  linksAtOnce,
		"LNK-2 an error stores nothing":          linksError,
		"LNK-3 a link that is none goes":         linksGone,
		"LNK-4 all of a conversation, ascending": linksListed,
		"LNK-5 closed":                           linksClosed,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			t.Cleanup(func() { _ = s.Close() })
			test(t, s)
		})
	}
}

func (s LinkStore) put(t testing.TB, conversation chat.ConversationID, id uint64) invite.Link {
	t.Helper()
	l, err := s.Change(t.Context(), conversation, id, func(l *invite.Link) error {
		l.Token, l.Creator, l.CreatedMS, l.ExpiresMS, l.Most = invite.Hash{byte(id)}, alice, 1<<41, 1<<42, 3
		return nil
	})
	assert.NoError(t, "a link", err)
	return l
}

func (s LinkStore) link(t testing.TB, conversation chat.ConversationID, id uint64) invite.Link {
	t.Helper()
	l, err := s.Link(t.Context(), conversation, id)
	assert.NoError(t, "link", err)
	return l
}

func linksStand(t *testing.T, s LinkStore) {
	want := invite.Link{Conversation: 7, ID: chat.MaxID, Token: invite.Hash{1, 31: 2}, Creator: alice, CreatedMS: 1, ExpiresMS: 1 << 42, Most: 100_000, Used: 3, Revoked: true, EndedMS: 1 << 41}
	got, err := s.Change(t.Context(), 7, chat.MaxID, func(l *invite.Link) error {
		assert.Equal(t, "at first", *l, invite.Link{Conversation: 7, ID: chat.MaxID})
		*l = want
		return nil
	})
	assert.NoError(t, "change", err)
	assert.Equal(t, "changed", got, want)
	s = s.Crash(t)
	assert.Equal(t, "after a crash", s.link(t, 7, chat.MaxID), want)
	assert.Equal(t, "another one", s.link(t, 8, chat.MaxID), invite.Link{Conversation: 8, ID: chat.MaxID})
}

func linksAtOnce(t *testing.T, s LinkStore) {
	s.put(t, 7, 1)
	var all sync.WaitGroup
	var made, taken atomic.Int64
	for range 8 {
		all.Go(func() {
			_, err := s.Change(t.Context(), 7, 1, func(l *invite.Link) error {
				if l.Used >= l.Most {
					return errTaken
				}
				l.Used++
				return nil
			})
			if err == nil {
				taken.Add(1)
			}
			_, err = s.Change(t.Context(), 7, 2, func(l *invite.Link) error {
				if l.Exists() {
					return errTaken
				}
				l.CreatedMS = 5
				return nil
			})
			if err == nil {
				made.Add(1)
			}
		})
	}
	all.Wait()
	assert.Equal(t, "uses", taken.Load(), int64(3))
	assert.Equal(t, "who made it", made.Load(), int64(1))
	assert.Equal(t, "it says so", s.link(t, 7, 1).Used, uint32(3))
}

var errTaken = errors.New("taken")

func linksError(t *testing.T, s LinkStore) {
	was := s.put(t, 7, 1)
	_, err := s.Change(t.Context(), 7, 1, func(l *invite.Link) error {
		l.Used = 2
		return errTaken
	})
	assert.ErrorIs(t, "fn's own", err, errTaken)
	assert.Equal(t, "nothing is stored", s.link(t, 7, 1), was)
}

func linksGone(t *testing.T, s LinkStore) {
	s.put(t, 7, 1)
	_, err := s.Change(t.Context(), 7, 1, func(l *invite.Link) error {
		*l = invite.Link{Conversation: 7, ID: 1}
		return nil
	})
	assert.NoError(t, "remove", err)
	assert.True(t, "gone", !s.link(t, 7, 1).Exists())
	all, err := s.Links.Links(t.Context(), 7)
	assert.NoError(t, "links", err)
	assert.Equal(t, "none", len(all), 0)
}

func linksListed(t *testing.T, s LinkStore) {
	for _, id := range []uint64{300, 2, chat.MaxID} {
		s.put(t, 7, id)
	}
	s.put(t, 6, 1)
	s.put(t, 8, 1)
	all, err := s.Links.Links(t.Context(), 7)
	assert.NoError(t, "links", err)
	assert.Equal(t, "how many", len(all), 3)
	assert.True(t, "ascending", all[0].ID == 2 && all[1].ID == 300 && all[2].ID == chat.MaxID)
	assert.Equal(t, "whole", all[1], s.link(t, 7, 300))
}

func linksClosed(t *testing.T, s LinkStore) {
	assert.NoError(t, "close", s.Close())
	_, err := s.Change(t.Context(), 7, 1, func(*invite.Link) error { return nil })
	assert.Equal(t, "change", chat.AsError(err).Code, chat.CodeUnavailable)
	_, err = s.Link(t.Context(), 7, 1)
	assert.Equal(t, "link", chat.AsError(err).Code, chat.CodeUnavailable)
	_, err = s.Links.Links(t.Context(), 7)
	assert.Equal(t, "links", chat.AsError(err).Code, chat.CodeUnavailable)
}
