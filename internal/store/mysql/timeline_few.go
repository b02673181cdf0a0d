package mysql

import (
	"context"
	"database/sql"
	"slices"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/gather"
	"github.com/throng-im/throng/internal/store/record"
	"github.com/throng-im/throng/internal/timeline"
)

// fewParts is up to how many conversations of one user are looked up together with what other users ask for at the same time.
const fewParts = 4

// standing asks for a user's parts of a few conversations.
type standing struct {
	user chat.UserID
	ids  []chat.ConversationID
}

// few is Parts for a few conversations. It reports false where a membership has ended: there is more to read then.
func (l TimelineLogs) few(ctx context.Context, user chat.UserID, ids []chat.ConversationID) (parts []timeline.Part, ok bool, err error) {
	parts, err = l.store.few.Get(ctx, &standing{user: user, ids: slices.Clone(ids)}) // a question may outlive its caller
	for i := range parts {
		if p := &parts[i]; !p.Member.Current() && p.Member.Last(p.Head.Seq) != 0 {
			return nil, false, err
		}
	}
	return parts, true, err
}

// standings looks up what many users ask for.
func (s *Store) standings(ctx context.Context, keys []*standing) ([]gather.Found[[]timeline.Part], error) {
	var ids []chat.ConversationID
	var users []chat.UserID // beside ids
	for _, k := range keys {
		for _, id := range k.ids {
			ids, users = append(ids, id), append(users, k.user)
		}
	}
	parts := make([]timeline.Part, len(ids))
	err := s.each(ctx, ids, func(m *slotMap, d *shard, places []int) error { return m.standings(ctx, d, ids, users, places, parts) })
	if err != nil {
		return nil, err
	}
	out := make([]gather.Found[[]timeline.Part], len(keys))
	for i, k := range keys {
		n := len(k.ids)
		out[i].Value, parts = parts[:n:n], parts[n:]
	}
	return out, nil
}

// standings reads the members of each conversation with its head. One statement sees one moment.
func (m *slotMap) standings(
	ctx context.Context, d *shard, ids []chat.ConversationID, users []chat.UserID, places []int, parts []timeline.Part,
) error {
	at := placesOf(ids, places)
	var q text
	for _, id := range keys(at) {
		some := make([]chat.UserID, len(at[id]))
		for i, place := range at[id] {
			some[i] = users[place]
		}
		if q.Len() > 0 {
			q.add(" UNION ALL ")
		}
		q.add("SELECT h.conversation, h.value, m.user, m.value FROM head h LEFT JOIN member m ON m.conversation=h.conversation AND m.user IN (")
		list(&q, some).add(") WHERE h.conversation=").number(uint64(id))
	}
	type member struct {
		id   chat.ConversationID
		user chat.UserID
	}
	heads, members := map[chat.ConversationID]chat.Head{}, map[member]timeline.Part{}
	err := m.read(ctx, d, "parts", q.String(), func(r *rows) error {
		clear(heads)
		clear(members)
		var id chat.ConversationID
		var user sql.Null[uint64]
		var head, value sql.RawBytes
		for r.next() {
			r.scan(&id, &head, &user, &value)
			if _, known := heads[id]; !known { // the same with each of its members
				in := record.NewReader(head)
				heads[id] = in.Head(id)
				r.whole(&in, "head")
			}
			if user.Valid {
				who := member{id, chat.UserID(user.V)}
				in := record.NewReader(value)
				part := in.Part(who.user)
				members[who] = timeline.Part{Head: heads[id], Member: part.Member, Read: part.Read}
				r.whole(&in, "member")
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, place := range places {
		p, ok := members[member{ids[place], users[place]}]
		if !ok {
			p.Head = heads[ids[place]]
		}
		parts[place] = p
	}
	return nil
}
