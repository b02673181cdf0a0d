package timeline

import (
	"context"
	"slices"
	"sync"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/lru"
)

// brief is what a digest needs of a user's timeline: which conversations are above the small tier, to look at each time, and
// what the small ones leave unread. It holds while the timeline ends where it did; then what changed is read again.
//
// That follows from the three rules of the package documentation, by conversation: the timeline's end was marked as given out
// before what stands here of a small conversation was read. What happens to it after that gives it a row above that end.
// Who comes into a larger conversation gets no such row, but is counted in [End.Current].
type brief struct {
	end    End
	larger []line
	unread []line // small, not muted, and not read to the end
}

// line is a conversation in a brief.
type line struct {
	conversation chat.ConversationID
	muted        bool
	unread       uint64 // of small ones
}

// briefs are the newest briefs of users, bounded. They may be used from any goroutine; the lists of a brief are never written to.
type briefs struct {
	mu    sync.Mutex
	known *lru.Cache[chat.UserID, brief]
}

func newBriefs(limit int) *briefs { return &briefs{known: lru.New[chat.UserID, brief](limit)} }

func (b *briefs) get(user chat.UserID) (brief, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.known.Get(user)
}

func (b *briefs) put(user chat.UserID, is brief) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.known.Put(user, is)
}

// brief returns the user's, as of a moment not before the call.
func (s *Service) brief(ctx context.Context, user chat.UserID) (brief, error) {
	end, err := s.store.End(ctx, user)
	if err != nil {
		return brief{}, chat.AsError(err)
	}
	s.given(user, end.Last)
	was, known := s.briefs.get(user)
	if known && was.end == end {
		return was, nil
	}
	rows, err := s.rows(ctx, user)
	if err != nil {
		return brief{}, err
	}
	next, look := brief{end: rows.End}, current(rows.Rows, nil)
	if changed, ok := was.changed(rows); known && ok {
		next, look = was.without(changed), changed
		next.end = rows.End
	}
	items, _, err := s.survey(ctx, user, look)
	if err != nil {
		return brief{}, err
	}
	next.take(items)
	s.briefs.put(user, next)
	return next, nil
}

// changed returns the rows that changed since the brief. ok is false where the user came into conversations or left some.
func (b *brief) changed(rows Rows) (changed []Row, ok bool) {
	if rows.Current != b.end.Current {
		return nil, false
	}
	for _, r := range rows.Rows {
		if r.PTS <= b.end.Last {
			continue
		}
		if !r.Current {
			return nil, false // and may have come into another one
		}
		changed = append(changed, r)
	}
	return changed, true
}

// without returns the brief without some conversations.
func (b *brief) without(rows []Row) brief {
	gone := func(p line) bool {
		return slices.ContainsFunc(rows, func(r Row) bool { return r.Conversation == p.conversation })
	}
	return brief{
		end:    b.end,
		larger: slices.DeleteFunc(slices.Clone(b.larger), gone), unread: slices.DeleteFunc(slices.Clone(b.unread), gone),
	}
}

// take adds conversations that were just read.
func (b *brief) take(items []*item) {
	for _, it := range items {
		p := line{conversation: it.row.Conversation, muted: it.row.Settings.Muted, unread: it.view.Unread}
		switch {
		case it.always():
			b.larger = append(b.larger, p)
		case it.current() && !p.muted && p.unread > 0:
			b.unread = append(b.unread, p)
		}
	}
}
