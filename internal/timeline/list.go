package timeline

import (
	"cmp"
	"context"
	"slices"

	"github.com/throng-im/throng/internal/chat"
)

// ListQuery asks for a page of the user's conversations.
type ListQuery struct {
	Limit    int    // 1 to 200; 0 is 50, what is above is 200
	Token    string // of the page before; empty for the first
	Archived bool   // the archived ones instead of the others
}

// Listing is a page of the user's conversations.
type Listing struct {
	Views []View
	// Next is the token of the next page; empty where there is none.
	Next string
	// TotalUnread is of the same moment as the views, over all conversations.
	TotalUnread uint64
}

// List pages the conversations that the user is in: pinned ones first, then the newest first. A page goes on behind the
// place where the one before ended, so a conversation that moves up between two pages is not repeated below.
func (s *Service) List(ctx context.Context, user chat.UserID, q ListQuery) (Listing, error) {
	if q.Limit < 0 {
		return Listing{}, chat.Errorf(chat.CodeInvalid, chat.ReasonRangeInvalid, "a page of conversations has 1 to %d", maxList)
	}
	after, err := parseToken(q.Token, user, q.Archived)
	if err != nil {
		return Listing{}, err
	}
	s.settle(ctx)
	rows, err := s.rows(ctx, user)
	if err != nil {
		return Listing{}, err
	}
	items, total, err := s.survey(ctx, user, current(rows.Rows, nil))
	if err != nil {
		return Listing{}, err
	}
	items = slices.DeleteFunc(items, func(it *item) bool {
		return !it.current() || it.row.Settings.Archived != q.Archived || (after != nil && after.compare(placeOf(it)) >= 0)
	})
	slices.SortFunc(items, func(a, b *item) int { return placeOf(a).compare(placeOf(b)) })
	limit := min(cmp.Or(q.Limit, defaultList), maxList)
	more := len(items) > limit
	items = items[:min(limit, len(items))]
	if err := s.fill(ctx, user, items, 0); err != nil {
		return Listing{}, err
	}
	out := Listing{Views: views(items), TotalUnread: total}
	if more {
		out.Next = placeOf(items[len(items)-1]).token(user, q.Archived)
	}
	return out, nil
}
