package mysql

import (
	"context"
	"database/sql"
	"sync"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/conversation"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/receipt"
	"github.com/throng-im/throng/internal/store/record"
)

var (
	_ conversation.Directory = (*Store)(nil)
	_ message.Members        = (*Store)(nil)
	_ receipt.Positions      = (*Store)(nil)
)

// Conversation returns what stands about a conversation.
func (s *Store) Conversation(ctx context.Context, id chat.ConversationID) (chat.Conversation, error) {
	var c chat.Conversation
	found := false
	err := s.ofConversation(id).read(ctx, "conversation", aboutQuery([]chat.ConversationID{id}), func(r *rows) error {
		var value sql.RawBytes
		found = false
		for r.next() {
			r.scan(&id, &value)
			in := record.NewReader(value)
			c, found = in.Conversation(id), true
			r.whole(&in, "conversation")
		}
		return nil
	})
	switch {
	case err != nil:
		return chat.Conversation{}, err
	case !found:
		return chat.Conversation{}, errNoConversation()
	}
	return c, nil
}

func errNoConversation() error {
	return chat.Errorf(chat.CodeNotFound, chat.ReasonConversationNotFound, "there is no such conversation for you")
}

// Member returns a user's part in a conversation.
func (s *Store) Member(ctx context.Context, id chat.ConversationID, user chat.UserID) (chat.Member, error) {
	p, err := s.Part(ctx, id, user)
	return p.Member, err
}

// Read returns a user's read position.
func (s *Store) Read(ctx context.Context, id chat.ConversationID, user chat.UserID) (chat.Read, error) {
	p, err := s.Part(ctx, id, user)
	return p.Read, err
}

// Part returns a user's part in a conversation. Whoever asks at the same time is looked up in the same question: a million who pull at once
// are all asked for.
func (s *Store) Part(ctx context.Context, id chat.ConversationID, user chat.UserID) (message.Part, error) {
	parts, err := s.few.Get(ctx, &standing{user: user, ids: []chat.ConversationID{id}})
	if err == nil && !parts[0].Head.Exists() {
		err = errNoConversation()
	}
	if err != nil {
		return message.Part{}, err
	}
	return message.Part{Member: parts[0].Member, Read: parts[0].Read}, nil
}

// Members pages the current members of a conversation. Owners and admins come from an index of their own.
func (s *Store) Members(ctx context.Context, id chat.ConversationID, after chat.UserID, limit int, role chat.Role) ([]chat.Member, error) {
	var q text
	if role == chat.RoleOwner || role == chat.RoleAdmin {
		q.add("SELECT m.user, m.value FROM leader l JOIN member m ON m.conversation=l.conversation AND m.user=l.user WHERE l.role=").number(uint64(role)).
			add(" AND l.conversation=").number(uint64(id)).add(" AND l.user>").number(uint64(after)).add(" ORDER BY l.user")
	} else {
		q.add("SELECT user, value FROM member WHERE present=1 AND conversation=").number(uint64(id)).
			add(" AND user>").number(uint64(after)).add(" ORDER BY user")
	}
	if role != chat.RoleMember {
		q.add(" LIMIT ").number(uint64(max(limit, 0)))
	}
	return partsOf(ctx, s.ofConversation(id), q.String(), limit, func(p message.Part) (chat.Member, bool) {
		return p.Member, role == 0 || p.Role == role
	})
}

// Bans pages those who are banned from a conversation, from the same index.
func (s *Store) Bans(ctx context.Context, id chat.ConversationID, after chat.UserID, limit int) ([]chat.Member, error) {
	var q text
	q.add("SELECT m.user, m.value FROM leader l JOIN member m ON m.conversation=l.conversation AND m.user=l.user WHERE l.role=").number(uint64(record.RoleBanned)).
		add(" AND l.conversation=").number(uint64(id)).add(" AND l.user>").number(uint64(after)).add(" ORDER BY l.user LIMIT ").number(uint64(max(limit, 0)))
	return partsOf(ctx, s.ofConversation(id), q.String(), limit, func(p message.Part) (chat.Member, bool) {
		return p.Member, record.Listed(p.Member) == record.RoleBanned
	})
}

// Positions pages the current members of a conversation with what they have read.
func (s *Store) Positions(ctx context.Context, id chat.ConversationID, after chat.UserID, limit int) ([]receipt.Position, error) {
	var q text
	q.add("SELECT user, value FROM member WHERE present=1 AND conversation=").number(uint64(id)).
		add(" AND user>").number(uint64(after)).add(" ORDER BY user LIMIT ").number(uint64(max(limit, 0)))
	return partsOf(ctx, s.ofConversation(id), q.String(), limit, func(p message.Part) (receipt.Position, bool) {
		return receipt.Position{Member: p.Member, Read: p.Read.Seq}, true
	})
}

// partsOf returns what take makes of the member rows that a query gives, as far as it keeps them.
func partsOf[T any](ctx context.Context, at place, query string, limit int, take func(p message.Part) (it T, keep bool)) ([]T, error) {
	var out []T
	err := at.read(ctx, "members", query, func(r *rows) error {
		var user chat.UserID
		var value sql.RawBytes
		out = make([]T, 0, min(max(limit, 0), 256))
		for len(out) < limit && r.next() {
			r.scan(&user, &value)
			in := record.NewReader(value)
			p := in.Part(user)
			r.whole(&in, "member")
			if it, keep := take(p); r.err == nil && keep {
				out = append(out, it)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Pair finds the direct conversation of two users, or settles which one it is going to be. The row lies with the lower user: it is
// unique there as well as in one place for all, and no database has to keep the pairs of everybody.
func (s *Store) Pair(ctx context.Context, low, high chat.UserID, create chat.ConversationID) (chat.ConversationID, error) {
	var where, row text
	where.add("direct WHERE low=").number(uint64(low)).add(" AND high=").number(uint64(high))
	row.add("direct (low, high, conversation) VALUES ").row(true, uint64(low), uint64(high), uint64(create))
	return s.ofUser(low).claim(ctx, where.String(), row.String(), create)
}

// Claim finds the group that a user made under a client id, or settles which one it is going to be. The row lies with the user.
func (s *Store) Claim(ctx context.Context, actor chat.UserID, client chat.ClientID, create chat.ConversationID) (chat.ConversationID, error) {
	var where, row text
	where.add("claim WHERE actor=").number(uint64(actor)).add(" AND client=").blob(client[:])
	row.add("claim (actor, client, conversation) VALUES (").number(uint64(actor)).add(",").blob(client[:]).add(",").number(uint64(create)).add(")")
	return s.ofUser(actor).claim(ctx, where.String(), row.String(), create)
}

// claim returns the conversation that stands under a key; the first one that was offered stands there for ever.
func (p place) claim(ctx context.Context, where, row string, create chat.ConversationID) (id chat.ConversationID, err error) {
	find := "SELECT conversation FROM " + where
	take := func(r *rows) error {
		for id = 0; r.next(); {
			r.scan(&id)
		}
		return r.err
	}
	if err := p.read(ctx, "claim", find, take); err != nil || id != 0 || create == 0 {
		return id, err
	}
	err = p.transact(ctx, "claim", func(t *tx) error {
		// The row of another one who is not done yet is waited for.
		return t.query(ctx, "INSERT IGNORE INTO "+row+";"+find+" FOR UPDATE", take)
	})
	if err != nil {
		return 0, err
	}
	return id, nil
}

// metaNext is in the home database: the first conversation id that was not leased.
const metaNext = "next conversation"

// leaseBlock is how many ids a node leases at once. What is left of a block when the node ends is lost.
const leaseBlock = 1_000

// ids gives out conversation ids from blocks that were leased.
type ids struct {
	// guarded by mu, which is held while a block is leased: who comes meanwhile needs it as well
	mu          sync.Mutex
	next, limit uint64 // what is left: next to limit, the latter excluded
}

// Reserve gives out conversation ids.
func (s *Store) Reserve(ctx context.Context, n int) (chat.ConversationID, error) {
	if n < 1 || n > 10_000 {
		return 0, chat.Errorf(chat.CodeInvalid, chat.ReasonFieldInvalid, "1 to 10,000 ids can be reserved at once, not %d", n)
	}
	l := &s.ids
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.limit-l.next < uint64(n) {
		block := max(uint64(n), leaseBlock)
		limit, err := s.lease(ctx, block)
		if err != nil {
			return 0, err
		}
		l.next, l.limit = limit-block, limit
	}
	first := l.next
	l.next += uint64(n)
	return chat.ConversationID(first), nil
}

// lease takes n ids out of the table and returns the first one behind them.
func (s *Store) lease(ctx context.Context, n uint64) (limit uint64, err error) {
	var q text
	q.add("INSERT INTO meta (name, number) VALUES ('" + metaNext + "', 1+").number(n).add(") ON DUPLICATE KEY UPDATE number=number+").number(n).
		add(";SELECT number FROM meta WHERE name='" + metaNext + "'")
	err = s.home().transact(ctx, "reserve", func(t *tx) error {
		return t.query(ctx, q.String(), func(r *rows) error {
			for r.next() {
				r.scan(&limit)
			}
			if limit > chat.MaxID {
				return chat.Errorf(chat.CodeInternal, chat.ReasonInternal, "all conversation ids were given out")
			}
			return nil
		})
	})
	return limit, err
}
