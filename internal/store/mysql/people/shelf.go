package people

import (
	"cmp"
	"context"
	"slices"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/gather"
	"github.com/throng-im/throng/internal/store/mysql"
	"github.com/throng-im/throng/internal/store/record"
	"github.com/throng-im/throng/internal/timeline"
)

var _ timeline.Shelf = (*Shelf)(nil)

// Shelf keeps what must not be lost of timelines. All methods may be called from any goroutine.
type Shelf struct {
	// immutable after construction
	s    *mysql.Store
	rows *gather.Many[chat.UserID, []timeline.Kept]
}

// NewShelf returns the shelf of a store.
func NewShelf(s *mysql.Store) *Shelf {
	shelf := &Shelf{s: s}
	shelf.rows = mysql.Gather(func(ctx context.Context, users []chat.UserID) ([]gather.Found[[]timeline.Kept], error) {
		all, err := shelf.rowsOf(ctx, users)
		if err != nil {
			return nil, err
		}
		out := make([]gather.Found[[]timeline.Kept], len(users))
		for i := range users {
			out[i].Value = all[i]
		}
		return out, nil
	})
	return shelf
}

// settingsHead is longer than everything in a settings record that stands in front of the draft.
const settingsHead = "16"

const (
	keptColumns      = "user, conversation, member, seq, version, settings"
	keptWithoutDraft = "user, conversation, member, seq, version, LEFT(settings, " + settingsHead + ")"
)

// scanKept reads the columns of a row. A record that was cut off inside of the draft decodes: the draft goes to its end.
func scanKept(scan func(...any), draft bool) (user chat.UserID, k timeline.Kept, err error) {
	var value []byte
	scan(&user, &k.Conversation, &k.Current, &k.Seq, &k.Version, &value)
	if len(value) == 0 {
		return user, k, nil
	}
	r := record.NewReader(value)
	k.Settings = r.Settings(draft)
	if !r.Done() {
		err = record.ErrDamaged("settings")
	}
	return user, k, err
}

// Rows returns the rows of users.
func (s *Shelf) Rows(ctx context.Context, users []chat.UserID) ([][]timeline.Kept, error) {
	if len(users) != 1 {
		return s.rowsOf(ctx, users)
	}
	rows, err := s.rows.Get(ctx, users[0])
	if err != nil {
		return nil, err
	}
	return [][]timeline.Kept{slices.Clone(rows)}, nil // two may have asked for one user
}

func (s *Shelf) rowsOf(ctx context.Context, users []chat.UserID) ([][]timeline.Kept, error) {
	rows := make(map[chat.UserID][]timeline.Kept, len(users))
	err := s.s.Routed(ctx, func(m *mysql.Map) error {
		for d, some := range byDatabase(m, users) {
			var q mysql.Text
			q.Add("SELECT ", keptWithoutDraft, " FROM shelf WHERE user IN (")
			list(&q, some)
			q.Add(") ORDER BY user, conversation")
			err := m.Read(ctx, d, "shelf", q.String(), func(r *mysql.Rows) error {
				for _, user := range some {
					delete(rows, user)
				}
				return r.Each(func(scan func(...any)) error {
					user, k, err := scanKept(scan, false)
					rows[user] = append(rows[user], k)
					return err
				})
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := make([][]timeline.Kept, len(users))
	for i, user := range users {
		out[i] = rows[user]
	}
	return out, nil
}

// Row returns one row, with the draft.
func (s *Shelf) Row(ctx context.Context, user chat.UserID, id chat.ConversationID) (timeline.Kept, error) {
	k := timeline.Kept{Conversation: id}
	err := s.s.UserPlace(user).Read(ctx, "shelf", selectKept(user, id).String(), func(r *mysql.Rows) error {
		return r.Each(func(scan func(...any)) (err error) {
			_, k, err = scanKept(scan, true)
			return err
		})
	})
	if err != nil {
		return timeline.Kept{}, err
	}
	return k, nil
}

func selectKept(user chat.UserID, id chat.ConversationID) *mysql.Text {
	var q mysql.Text
	return q.Add("SELECT ", keptColumns, " FROM shelf WHERE user = ").Number(uint64(user)).Add(" AND conversation = ").Number(uint64(id))
}

// Drafts returns drafts of a user.
func (s *Shelf) Drafts(ctx context.Context, user chat.UserID, ids []chat.ConversationID) ([]string, error) {
	out := make([]string, len(ids))
	drafts := make(map[chat.ConversationID]string)
	for chunk := range slices.Chunk(ids, atOnce) {
		var q mysql.Text
		q.Add("SELECT ", keptColumns, " FROM shelf WHERE user = ").Number(uint64(user)).Add(" AND conversation IN (")
		list(&q, chunk)
		q.Add(")")
		err := s.s.UserPlace(user).Read(ctx, "drafts", q.String(), func(r *mysql.Rows) error {
			return r.Each(func(scan func(...any)) error {
				_, k, err := scanKept(scan, true)
				drafts[k.Conversation] = k.Settings.Draft
				return err
			})
		})
		if err != nil {
			return nil, err
		}
	}
	for i, id := range ids {
		out[i] = drafts[id]
	}
	return out, nil
}

// Counts returns in how many conversations users are.
func (s *Shelf) Counts(ctx context.Context, users []chat.UserID) ([]int, error) {
	counts := make(map[chat.UserID]int, len(users))
	err := s.s.Routed(ctx, func(m *mysql.Map) error {
		clear(counts)
		for d, some := range byDatabase(m, users) {
			for chunk := range slices.Chunk(some, atOnce) {
				var q mysql.Text
				q.Add("SELECT user, COUNT(*) FROM shelf WHERE member = 1 AND user IN (")
				list(&q, chunk)
				q.Add(") GROUP BY user")
				err := m.Read(ctx, d, "shelf counts", q.String(), func(r *mysql.Rows) error {
					return r.Each(func(scan func(...any)) error {
						var user chat.UserID
						var n int
						scan(&user, &n)
						counts[user] = n
						return nil
					})
				})
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := make([]int, len(users))
	for i, user := range users {
		out[i] = counts[user]
	}
	return out, nil
}

// Enroll writes changes of memberships. Of one row the change with the highest seq is what counts, so that is the one that is sent; rows
// are written in their order, so that two followers wait for one another, and not in a circle.
func (s *Shelf) Enroll(ctx context.Context, changes []timeline.Change) error {
	type key struct {
		user chat.UserID
		id   chat.ConversationID
	}
	highest := make(map[key]timeline.Change, len(changes))
	for _, c := range changes {
		k := key{c.User, c.Conversation}
		if c.Membership != timeline.None && c.Seq > highest[k].Seq {
			highest[k] = c
		}
	}
	return s.s.Routed(ctx, func(m *mysql.Map) error {
		of := make(map[*mysql.Database][]timeline.Change)
		for _, c := range highest {
			d := m.OfUser(c.User)
			of[d] = append(of[d], c)
		}
		for d, some := range of {
			if err := enroll(ctx, m, d, some); err != nil {
				return err
			}
		}
		return nil
	})
}

// enroll writes changes of users of one database, one for each row.
func enroll(ctx context.Context, m *mysql.Map, d *mysql.Database, some []timeline.Change) error {
	slices.SortFunc(some, func(x, y timeline.Change) int {
		return cmp.Or(cmp.Compare(x.User, y.User), cmp.Compare(x.Conversation, y.Conversation))
	})
	users := make([]chat.UserID, len(some))
	var q mysql.Text
	for i, c := range some {
		users[i] = c.User
		if i == 0 {
			q.Add("INSERT INTO shelf (", keptColumns, ") VALUES (")
		} else {
			q.Add(",(")
		}
		q.Number(uint64(c.User)).Add(",").Number(uint64(c.Conversation)).Add(",").Number(flag(c.Membership == timeline.Entered))
		q.Add(",").Number(uint64(c.Seq)).Add(",0,'')")
	}
	// In this order: the first one looks at the seq that the second one changes.
	q.Add(" ON DUPLICATE KEY UPDATE member = IF(VALUES(seq) > seq, VALUES(member), member), seq = GREATEST(seq, VALUES(seq))")
	return m.TransactUsers(ctx, d, "enroll", slices.Compact(users), func(t *mysql.Tx) error { return t.Commit(ctx, q.String()) })
}

// PutSettings patches a user's settings.
func (s *Shelf) PutSettings(ctx context.Context, user chat.UserID, id chat.ConversationID, p timeline.Patch) (timeline.Kept, error) {
	var k timeline.Kept
	err := s.s.UserPlace(user).Transact(ctx, "settings", func(t *mysql.Tx) error {
		k = timeline.Kept{Conversation: id}
		found := false
		err := t.Query(ctx, selectKept(user, id).Add(" FOR UPDATE").String(), func(r *mysql.Rows) error {
			return r.Each(func(scan func(...any)) (err error) {
				found = true
				_, k, err = scanKept(scan, true)
				return err
			})
		})
		if err != nil {
			return err
		}
		k.Settings = p.On(k.Settings)
		k.Version++
		k.Current = k.Current || k.Seq == 0
		value := record.AppendSettings(nil, k.Settings)
		var q mysql.Text
		if found {
			q.Add("UPDATE shelf SET member = ").Number(flag(k.Current)).Add(", version = ").Number(k.Version).Add(", settings = ").Blob(value)
			q.Add(" WHERE user = ").Number(uint64(user)).Add(" AND conversation = ").Number(uint64(id))
			return t.Commit(ctx, q.String())
		}
		q.Add("INSERT INTO shelf (", keptColumns, ") VALUES (").Number(uint64(user)).Add(",").Number(uint64(id)).Add(",1,0,")
		q.Number(k.Version).Add(",").Blob(value).Add(")")
		err = t.Commit(ctx, q.String())
		if mysql.IsDuplicate(err) {
			return mysql.BeginAgain(err) // somebody else made it
		}
		return err
	})
	if err != nil {
		return timeline.Kept{}, err
	}
	return k, nil
}

// Position is where a follower goes on.
func (s *Shelf) Position(ctx context.Context, name string, stream int) (pos chat.Position, err error) {
	var q mysql.Text
	q.Add("SELECT position FROM follower WHERE name = ").Blob([]byte(name)).Add(" AND stream = ").Number(uint64(stream))
	err = s.s.Home().Read(ctx, "position", q.String(), func(r *mysql.Rows) error {
		return r.Each(func(scan func(...any)) error { scan(&pos); return nil })
	})
	return pos, err
}

// PutPosition stores it.
func (s *Shelf) PutPosition(ctx context.Context, name string, stream int, pos chat.Position) error {
	return s.s.Home().Transact(ctx, "position", func(t *mysql.Tx) error {
		var q mysql.Text
		q.Add("INSERT INTO follower (name, stream, position) VALUES (").Blob([]byte(name)).Add(",").Number(uint64(stream)).Add(",")
		q.Number(uint64(pos)).Add(") ON DUPLICATE KEY UPDATE position = VALUES(position)")
		return t.Commit(ctx, q.String())
	})
}
