package social

import (
	"context"
	"fmt"

	"github.com/throng-im/throng/internal/chat"
)

// Cursor is how much of a user's list a device knows. The zero value knows nothing.
type Cursor struct{ Version, Floor uint64 }

// MaxPage bounds a page of a list.
const MaxPage = 500

// Page is what changed in a list since a cursor.
type Page struct {
	// Reset: the device forgets what it knew first.
	Reset bool
	// Views of those who changed, each as it is now; who is empty goes from the list.
	Views []View
	// Next is the cursor behind the page.
	Next Cursor
	// More: there are further changes behind it.
	More bool
}

// Since returns what changed in a user's list since a cursor. A cursor of before rows were removed, or of another life of the list,
// begins anew.
func (s *Service) Since(ctx context.Context, user chat.UserID, c Cursor, limit int) (Page, error) {
	if limit < 1 || limit > MaxPage {
		limit = MaxPage
	}
	o, rows, err := s.rows.Since(ctx, user, c.Version, limit+1)
	if err != nil {
		return Page{}, fmt.Errorf("listing relations: %w", err)
	}
	var p Page
	if c.Floor != o.Floor || c.Version > o.Version {
		p.Reset = true
		if o, rows, err = s.rows.Since(ctx, user, 0, limit+1); err != nil {
			return Page{}, fmt.Errorf("listing relations: %w", err)
		}
	}
	p.Next = Cursor{o.Version, o.Floor}
	if p.More = len(rows) > limit; p.More {
		rows = rows[:limit]
		p.Next.Version = rows[limit-1].Version
	}
	for _, r := range rows {
		p.Views = append(p.Views, r.View())
	}
	return p, nil
}

// Views returns a user's relations to others, in the order asked.
func (s *Service) Views(ctx context.Context, user chat.UserID, others []chat.UserID) ([]View, error) {
	rows, err := s.rows.Relations(ctx, user, others)
	if err != nil {
		return nil, fmt.Errorf("reading relations: %w", err)
	}
	out := make([]View, len(rows))
	for i, r := range rows {
		out[i] = r.View()
	}
	return out, nil
}

// Said is what an import has a user say about another one.
type Said struct {
	Friend bool
	Note   string
	AtMS   uint64
	Follow bool
	Block  bool
	Remark string
}

// Restore has a user say something again. What stands already stays, and nothing counts as a request of today.
func (s *Service) Restore(ctx context.Context, user, other chat.UserID, said Said) error {
	if err := s.there(ctx, user, other); err != nil {
		return err
	}
	_, err := s.say(ctx, user, other, func(_ *Owner, r *Relation) error {
		if said.Friend && !r.Mine.Stands(r.Theirs) {
			r.say(true, said.Note, said.AtMS)
		}
		r.Follow, r.Block = r.Follow || said.Follow, r.Block || said.Block
		if r.Remark == "" {
			r.Remark = said.Remark
		}
		return nil
	})
	return err
}
