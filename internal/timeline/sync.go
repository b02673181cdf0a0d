package timeline

import (
	"cmp"
	"context"
	"slices"

	"github.com/throng-im/throng/internal/chat"
)

// Query asks for what changed.
type Query struct {
	// Cursor is where the device is; nil for a fresh one.
	Cursor *Cursor
	// Limit is how many conversations a page holds, 1 to 500; 0 is 200, what is above is 500. Medium and large ones come on top.
	Limit int
	// Entries is how many of the newest entries come with each conversation, 0 to 50; what is above is 50.
	Entries int
}

// Changes is a page of what changed.
type Changes struct {
	// Reset: the cursor is of no use; the device forgets what it knows of conversations and takes what follows as all.
	Reset bool
	// Views in the order in which they changed (of the first change that a device may not know), then, on the last page, all
	// medium and large ones.
	Views  []View
	Cursor Cursor
	// More: ask again with the new cursor.
	More bool
	// TotalUnread is of the same moment as the views, and whole on every page.
	TotalUnread uint64
}

// Sync answers what changed since a cursor. A fresh device, one that was away for a minute and one that was away for a year
// use the same call, and repeat it while there is more. Conversations that the user has left show on devices that may know
// them, with the role of nobody.
func (s *Service) Sync(ctx context.Context, user chat.UserID, q Query) (Changes, error) {
	q, err := q.bounded()
	if err != nil {
		return Changes{}, err
	}
	s.settle(ctx)
	rows, err := s.rows(ctx, user)
	if err != nil {
		return Changes{}, err
	}
	out := Changes{Cursor: Cursor{Epoch: s.logs.Epoch(), Generation: rows.Generation}}
	after, fresh := PTS(0), true
	if c := q.Cursor; c != nil {
		out.Reset = c.Epoch != out.Cursor.Epoch || c.Generation != out.Cursor.Generation || c.PTS > rows.Last
		if !out.Reset {
			after, fresh = c.PTS, false
		}
	}
	items, total, err := s.survey(ctx, user, current(rows.Rows, func(r Row) bool { return !fresh && r.PTS > after }))
	if err != nil {
		return Changes{}, err
	}
	out.TotalUnread = total
	known := brief{end: rows.End}
	known.take(items)
	s.briefs.put(user, known) // for the heartbeats that follow
	changed, always := divide(items, after, fresh)
	full := len(changed) > q.Limit
	if full {
		changed = changed[:q.Limit]
	}
	budget := s.cfg.PageBytes
	n, err := s.page(ctx, user, changed, q.Entries, &budget)
	if err != nil {
		return Changes{}, err
	}
	out.Views = views(changed[:n])
	if full || n < len(changed) {
		out.More = true
		out.Cursor.PTS = changed[n-1].row.PTS
		return out, nil
	}
	always = recent(always, s.cfg.Always)
	if err := s.heads(ctx, user, always, q.Entries, budget); err != nil {
		return Changes{}, err
	}
	out.Views = append(out.Views, views(always)...)
	out.Cursor.PTS = rows.Last
	return out, nil
}

// bounded returns the query with what is above a bound taken as the bound, and defaults for what was not said.
func (q Query) bounded() (Query, error) {
	if q.Limit < 0 || q.Entries < 0 {
		return q, chat.Errorf(chat.CodeInvalid, chat.ReasonRangeInvalid, "limits are not negative")
	}
	q.Limit, q.Entries = min(cmp.Or(q.Limit, defaultSync), maxSync), min(q.Entries, maxEntries)
	return q, nil
}

// divide separates what changed after a cursor, in its order, from what every sync ends with.
func divide(items []*item, after PTS, fresh bool) (changed, always []*item) {
	for _, it := range items {
		switch {
		case it.always():
			always = append(always, it)
		case fresh && it.current(), !fresh && it.row.PTS > after:
			changed = append(changed, it)
		}
	}
	return changed, always
}

// page fills items until the budget is spent, and returns how many it filled; at least one.
func (s *Service) page(ctx context.Context, user chat.UserID, items []*item, entries int, budget *int) (int, error) {
	for done := 0; done < len(items); {
		part := items[done:min(done+chunk, len(items))]
		if err := s.fill(ctx, user, part, entries); err != nil {
			return 0, err
		}
		for i := range part {
			*budget -= part[i].view.size()
			if *budget < 0 && done > 0 {
				return done, nil
			}
			done++
		}
	}
	return len(items), nil
}

// heads fills items whatever the budget: where it is spent, they come without entries.
func (s *Service) heads(ctx context.Context, user chat.UserID, items []*item, entries, budget int) error {
	for len(items) > 0 {
		part := items[:min(chunk, len(items))]
		items = items[len(part):]
		if budget <= 0 {
			entries = 0
		}
		if err := s.fill(ctx, user, part, entries); err != nil {
			return err
		}
		for i := range part {
			v := &part[i].view
			budget -= v.size()
			if budget <= 0 {
				v.Last, v.Entries, v.Withheld = nil, nil, nil
			}
		}
	}
	return nil
}

// recent keeps the n most recently active items, newest first.
func recent(items []*item, n int) []*item {
	slices.SortFunc(items, newest)
	return items[:min(n, len(items))]
}

// newest orders by the time of the last entry, latest first; ids make the order total.
func newest(a, b *item) int {
	return cmp.Or(
		cmp.Compare(b.view.Head.TimeMS, a.view.Head.TimeMS),
		cmp.Compare(b.view.Head.Conversation, a.view.Head.Conversation),
	)
}

func views(items []*item) []View {
	out := make([]View, len(items))
	for i := range items {
		out[i] = items[i].view
	}
	return out
}
