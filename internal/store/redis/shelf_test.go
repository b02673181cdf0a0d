package redis_test

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/porttest"
	"github.com/throng-im/throng/internal/timeline"
)

// shelf is a timeline.Shelf in a map, for tests of what stands on one: it outlives the stores that are opened on it.
type shelf struct {
	mu        sync.Mutex
	rows      map[chat.UserID]map[chat.ConversationID]timeline.Kept
	positions map[shelfPosition]chat.Position
}

type shelfPosition struct {
	name   string
	stream int
}

func newShelf() *shelf {
	return &shelf{rows: make(map[chat.UserID]map[chat.ConversationID]timeline.Kept), positions: make(map[shelfPosition]chat.Position)}
}

func TestShelfOfTests(t *testing.T) {
	t.Parallel()
	porttest.Shelf(t, func(testing.TB) timeline.Shelf { return newShelf() })
}

// clear takes all memberships away, and leaves the settings.
func (s *shelf) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, rows := range s.rows {
		for id, k := range rows {
			k.Current, k.Seq = false, 0
			rows[id] = k
		}
	}
}

func (s *shelf) row(user chat.UserID, id chat.ConversationID) timeline.Kept {
	k := s.rows[user][id]
	k.Conversation = id
	return k
}

func (s *shelf) put(user chat.UserID, k timeline.Kept) {
	if s.rows[user] == nil {
		s.rows[user] = make(map[chat.ConversationID]timeline.Kept)
	}
	s.rows[user][k.Conversation] = k
}

func (s *shelf) Rows(_ context.Context, users []chat.UserID) ([][]timeline.Kept, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([][]timeline.Kept, len(users))
	for i, u := range users {
		for _, k := range s.rows[u] {
			k.Settings.Draft = ""
			out[i] = append(out[i], k)
		}
		slices.SortFunc(out[i], func(a, b timeline.Kept) int { return cmp.Compare(a.Conversation, b.Conversation) })
	}
	return out, nil
}

func (s *shelf) Row(_ context.Context, user chat.UserID, id chat.ConversationID) (timeline.Kept, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.row(user, id), nil
}

func (s *shelf) Drafts(_ context.Context, user chat.UserID, ids []chat.ConversationID) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = s.row(user, id).Settings.Draft
	}
	return out, nil
}

func (s *shelf) Counts(_ context.Context, users []chat.UserID) ([]int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]int, len(users))
	for i, u := range users {
		for _, k := range s.rows[u] {
			if k.Current {
				out[i]++
			}
		}
	}
	return out, nil
}

func (s *shelf) Enroll(_ context.Context, changes []timeline.Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range changes {
		k := s.row(c.User, c.Conversation)
		if c.Membership == timeline.None || c.Seq <= k.Seq {
			continue
		}
		k.Current, k.Seq = c.Membership == timeline.Entered, c.Seq
		s.put(c.User, k)
	}
	return nil
}

func (s *shelf) PutSettings(_ context.Context, user chat.UserID, id chat.ConversationID, p timeline.Patch) (timeline.Kept, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.row(user, id)
	k.Settings = p.On(k.Settings)
	k.Version++
	k.Current = k.Current || k.Seq == 0
	s.put(user, k)
	return k, nil
}

func (s *shelf) Position(_ context.Context, name string, stream int) (chat.Position, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.positions[shelfPosition{name, stream}], nil
}

func (s *shelf) PutPosition(_ context.Context, name string, stream int, pos chat.Position) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.positions[shelfPosition{name, stream}] = pos
	return nil
}
