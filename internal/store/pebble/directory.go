package pebble

import (
	"context"

	"github.com/cockroachdb/pebble/v2"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/receipt"
	"github.com/throng-im/throng/internal/store/record"
)

// Conversation returns what stands about a conversation.
func (s *Store) Conversation(ctx context.Context, id chat.ConversationID) (chat.Conversation, error) {
	var c chat.Conversation
	found, err := s.row(record.Key1(record.TableConversation, uint64(id)), "conversation", func(r *record.Reader) { c = r.Conversation(id) })
	switch {
	case err != nil:
		return chat.Conversation{}, err
	case !found:
		return chat.Conversation{}, errNoConversation()
	default:
		return c, s.settle(ctx, id)
	}
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

// Part returns a user's part in a conversation.
func (s *Store) Part(ctx context.Context, id chat.ConversationID, user chat.UserID) (message.Part, error) {
	var p message.Part
	found, err := s.row(record.Key2(record.TableMember, uint64(id), uint64(user)), "member", func(r *record.Reader) { p = r.Part(user) })
	if err != nil {
		return message.Part{}, err
	}
	if !found {
		head, err := s.headOf(id)
		if err != nil {
			return message.Part{}, err
		}
		if !head.Exists() {
			return message.Part{}, errNoConversation()
		}
	}
	return p, s.settle(ctx, id)
}

// Members pages the current members of a conversation. Owners and admins come from an index of their own.
func (s *Store) Members(ctx context.Context, id chat.ConversationID, after chat.UserID, limit int, role chat.Role) ([]chat.Member, error) {
	out := make([]chat.Member, 0, min(max(limit, 0), 256))
	err := s.members(id, after, role, func(p message.Part) bool {
		if len(out) < limit {
			out = append(out, p.Member)
		}
		return len(out) < limit
	})
	if err != nil {
		return nil, err
	}
	return out, s.settle(ctx, id)
}

// Bans pages those who are banned from a conversation, from the same index.
func (s *Store) Bans(ctx context.Context, id chat.ConversationID, after chat.UserID, limit int) ([]chat.Member, error) {
	return s.Members(ctx, id, after, limit, record.RoleBanned)
}

// Positions pages the current members of a conversation with what they have read.
func (s *Store) Positions(ctx context.Context, id chat.ConversationID, after chat.UserID, limit int) ([]receipt.Position, error) {
	out := make([]receipt.Position, 0, min(max(limit, 0), 256))
	err := s.members(id, after, 0, func(p message.Part) bool {
		if len(out) < limit {
			out = append(out, receipt.Position{Member: p.Member, Read: p.Read.Seq})
		}
		return len(out) < limit
	})
	if err != nil {
		return nil, err
	}
	return out, s.settle(ctx, id)
}

// members shows the current members above after, or those who are banned, ascending, until more is false. What it shows is not settled.
func (s *Store) members(id chat.ConversationID, after chat.UserID, role chat.Role, show func(p message.Part) (more bool)) error {
	release, err := s.read()
	if err != nil {
		return err
	}
	defer release()
	snap := s.db.NewSnapshot() // of a transfer, both or none is seen
	defer func() { _ = snap.Close() }()
	table := byte(record.TableMember)
	listed := role == chat.RoleOwner || role == chat.RoleAdmin || role == record.RoleBanned
	if listed {
		table = record.TableLead
	}
	iter, err := snap.NewIter(&pebble.IterOptions{
		LowerBound: record.Key2(table, uint64(id), uint64(after)+1), UpperBound: record.Key1(table, uint64(id)+1),
	})
	if err != nil {
		return storageError(err, "listing members")
	}
	defer func() { _ = iter.Close() }()
	for ok := iter.First(); ok; ok = iter.Next() {
		if len(iter.Key()) != record.Key2Len {
			continue
		}
		m, err := memberAt(snap, iter)
		if err != nil {
			return err
		}
		match := m.Current() && (role == 0 || m.Role == role)
		if listed {
			match = record.Listed(m.Member) == role
		}
		if match && !show(m) {
			break
		}
	}
	return storageError(iter.Error(), "listing members")
}

// memberAt reads the member that an iterator stands at, in the table of members or in the index.
func memberAt(snap *pebble.Snapshot, iter *pebble.Iterator) (m message.Part, err error) {
	key := iter.Key()
	id, user := record.First(key), chat.UserID(record.Second(key))
	if key[0] == record.TableLead {
		_, err = lookup(snap, record.Key2(record.TableMember, id, uint64(user)), "member", func(r *record.Reader) { m = r.Part(user) })
		return m, err
	}
	value, err := iter.ValueAndErr()
	if err != nil {
		return m, storageError(err, "listing members")
	}
	r := record.NewReader(value)
	m = r.Part(user)
	if !r.Done() {
		return m, record.ErrDamaged("member")
	}
	return m, nil
}

// Pair finds the direct conversation of two users, or settles which one it is going to be.
func (s *Store) Pair(ctx context.Context, low, high chat.UserID, create chat.ConversationID) (chat.ConversationID, error) {
	return s.claim(ctx, record.Key2(record.TablePair, uint64(low), uint64(high)), create)
}

// Claim finds the group that a user made under a client id, or settles which one it is going to be.
func (s *Store) Claim(ctx context.Context, actor chat.UserID, client chat.ClientID, create chat.ConversationID) (chat.ConversationID, error) {
	return s.claim(ctx, record.KeyClaim(actor, client), create)
}

// claim returns the conversation that stands under a key; the first one that was offered stands there for ever.
func (s *Store) claim(ctx context.Context, key []byte, create chat.ConversationID) (chat.ConversationID, error) {
	id, err := s.claimed(key)
	if err != nil {
		return 0, err
	}
	if id != 0 || create == 0 {
		return id, s.settle(ctx, id)
	}
	// What is read of the row later must wait as what is read of the conversation does: it is marked as touched.
	_, err = s.applyNoted(&commit{touched: []chat.ConversationID{create}}, func(b *pebble.Batch) error {
		if id, err = s.claimed(key); err != nil || id != 0 {
			return err
		}
		id = create
		return storageError(b.Set(key, record.Number(uint64(create)), nil), "storing a conversation")
	})
	if err != nil {
		return 0, err
	}
	return id, s.settle(ctx, id)
}

func (s *Store) claimed(key []byte) (id chat.ConversationID, err error) {
	_, err = s.row(key, "conversation", func(r *record.Reader) { id = chat.ConversationID(r.Number()) })
	return id, err
}

// Reserve gives out conversation ids.
func (s *Store) Reserve(ctx context.Context, n int) (chat.ConversationID, error) {
	if n < 1 || n > 10_000 {
		return 0, chat.Errorf(chat.CodeInvalid, chat.ReasonFieldInvalid, "1 to 10,000 ids can be reserved at once, not %d", n)
	}
	first, err := s.reserve(ctx, record.MetaNextConversation, uint64(n))
	return chat.ConversationID(first), err
}

// row reads one row from outside of a batch. What it gives is not settled.
func (s *Store) row(key []byte, what string, decode func(r *record.Reader)) (bool, error) {
	release, err := s.read()
	if err != nil {
		return false, err
	}
	defer release()
	return s.get(key, what, decode)
}
