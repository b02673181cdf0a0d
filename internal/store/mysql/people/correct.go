package people

import (
	"cmp"
	"context"
	"slices"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/mysql"
)

// Correction is a row of a user's list of conversations that is not what the log says.
type Correction struct {
	User         chat.UserID
	Conversation chat.ConversationID
	// The row as it was read, before the membership was.
	Current bool
	Seq     chat.Seq
	// The row as it is to be; with Drop it is not to be there.
	ToCurrent bool
	ToSeq     chat.Seq
	Drop      bool
}

// Correct puts rows right that [Shelf.Enroll] would leave alone, because they are of a change that the log does not have, or of the same
// one. A row that is not any more as it was read has been written by a follower, and stays as it is.
func (s *Shelf) Correct(ctx context.Context, all []Correction) error {
	return s.s.Routed(ctx, func(m *mysql.Map) error {
		of := make(map[*mysql.Database][]Correction)
		for _, c := range all {
			d := m.OfUser(c.User)
			of[d] = append(of[d], c)
		}
		for d, some := range of {
			slices.SortFunc(some, func(x, y Correction) int {
				return cmp.Or(cmp.Compare(x.User, y.User), cmp.Compare(x.Conversation, y.Conversation))
			})
			users := make([]chat.UserID, len(some))
			var q mysql.Text
			for i, c := range some {
				users[i] = c.User
				if i > 0 {
					q.Add(";")
				}
				c.write(&q)
			}
			err := m.TransactUsers(ctx, d, "correct", slices.Compact(users), func(t *mysql.Tx) error { return t.Commit(ctx, q.String()) })
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (c Correction) write(q *mysql.Text) {
	if c.Drop {
		q.Add("DELETE FROM shelf")
	} else {
		q.Add("UPDATE shelf SET member = ").Number(flag(c.ToCurrent)).Add(", seq = ").Number(uint64(c.ToSeq))
	}
	q.Add(" WHERE user = ").Number(uint64(c.User)).Add(" AND conversation = ").Number(uint64(c.Conversation))
	q.Add(" AND member = ").Number(flag(c.Current)).Add(" AND seq = ").Number(uint64(c.Seq))
}
