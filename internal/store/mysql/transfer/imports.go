package transfer

import (
	"context"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/archive"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/mysql"
	"github.com/throng-im/throng/internal/store/mysql/people"
	"github.com/throng-im/throng/internal/store/record"
)

// Imports is the part of an archive.Target that the databases keep: which id of another install is which of ours.
type Imports struct {
	s        *mysql.Store
	accounts *people.Accounts
}

// User is the account that an origin's user became; 0 for none.
func (i Imports) User(ctx context.Context, origin string, id chat.UserID) (chat.UserID, error) {
	return i.accounts.Imported(ctx, origin, id)
}

// Users finds or makes accounts; see archive.Target.
func (i Imports) Users(ctx context.Context, origin string, users []archive.User) ([]chat.UserID, error) {
	accounts := make([]account.Account, len(users))
	for n, u := range users {
		accounts[n] = account.Account{
			User: account.User{
				ID: u.ID, ExternalID: u.ExternalID, Name: u.Name, Avatar: u.Avatar, Attributes: u.Attributes, Version: max(u.Version, 1),
				Admin: u.Admin, Disabled: u.Disabled, CreatedMS: u.CreatedMS, Privacy: account.Privacy{NoReceipts: u.NoReadReceipts, Unlisted: u.Unlisted},
			},
			Password: u.Password, Deleted: u.Deleted,
		}
		if h, err := account.NormalizeHandle(u.Handle); err == nil {
			accounts[n].Handle = h // what is no handle here stays behind; the account is found by its external id
		}
	}
	return i.accounts.Import(ctx, origin, accounts)
}

// Placed is where a conversation of the origin is; the zero Place where it was not imported.
func (i Imports) Placed(ctx context.Context, origin string, id chat.ConversationID) (archive.Place, error) {
	var p archive.Place
	var q mysql.Text
	q.Add("SELECT kind, target FROM imported WHERE origin = ").Blob([]byte(origin)).Add(" AND kind IN (")
	q.Blob([]byte{record.ImportedConversation}).Add(",").Blob([]byte{record.ImportedShared}).Add(") AND id = ").Number(uint64(id))
	q.Add(" ORDER BY kind DESC") // of a conversation that was noted as both, by two imports at once, what the safer one says counts: it does not go by seqs
	err := i.s.Home().Read(ctx, "imported", q.String(), func(r *mysql.Rows) error {
		p = archive.Place{}
		return r.Each(func(scan func(...any)) error {
			var kind []byte
			var to chat.ConversationID
			scan(&kind, &to)
			if p.ID == 0 && len(kind) == 1 {
				p = archive.Place{ID: to, Shared: kind[0] == record.ImportedShared}
			}
			return nil
		})
	})
	if err != nil || p.ID == 0 {
		return archive.Place{}, err
	}
	heads, err := i.s.Heads(ctx, []chat.ConversationID{p.ID})
	if err != nil {
		return archive.Place{}, err
	}
	p.Head = heads[0].Seq
	return p, nil
}

// Place finds or takes the conversation for one of the origin; see archive.Target. What it takes and then cannot note is nobody's, but
// for a pair's conversation, which the next attempt finds.
func (i Imports) Place(ctx context.Context, origin string, c chat.Conversation) (archive.Place, error) {
	p, err := i.Placed(ctx, origin, c.ID)
	if err != nil || p.ID != 0 {
		return p, err
	}
	if c.Kind == chat.KindDirect {
		if p.ID, err = i.s.Pair(ctx, c.Pair[0], c.Pair[1], 0); err != nil {
			return archive.Place{}, err
		}
	}
	if p.ID == 0 {
		if p.ID, err = i.take(ctx, c.ID); err != nil {
			return archive.Place{}, err
		}
		if c.Kind == chat.KindDirect {
			if p.ID, err = i.s.Pair(ctx, c.Pair[0], c.Pair[1], p.ID); err != nil {
				return archive.Place{}, err
			}
		}
	}
	heads, err := i.s.Heads(ctx, []chat.ConversationID{p.ID})
	if err != nil {
		return archive.Place{}, err
	}
	if err := i.note(ctx, origin, c.ID, p.ID, heads[0].Exists()); err != nil {
		return archive.Place{}, err
	}
	return i.Placed(ctx, origin, c.ID)
}

// note stores where a conversation is; what stands already stays.
func (i Imports) note(ctx context.Context, origin string, id, to chat.ConversationID, shared bool) error {
	kind := byte(record.ImportedConversation)
	if shared {
		kind = record.ImportedShared
	}
	return i.s.Home().Transact(ctx, "imported", func(t *mysql.Tx) error {
		var q mysql.Text
		q.Add("INSERT IGNORE INTO imported (origin, kind, id, target) VALUES (").Blob([]byte(origin)).Add(",").Blob([]byte{kind}).Add(",")
		q.Number(uint64(id)).Add(",").Number(uint64(to)).Add(")")
		return t.Commit(ctx, q.String())
	})
}

// take gives out an id that was never given out: the wanted one where it lies beyond all of them, else the next one.
func (i Imports) take(ctx context.Context, wanted chat.ConversationID) (id chat.ConversationID, err error) {
	err = i.s.Home().Transact(ctx, "reserve", func(t *mysql.Tx) error {
		var next uint64
		var q mysql.Text
		q.Add("INSERT INTO meta (name, number) VALUES (").Blob([]byte(record.MetaNextConversation)).Add(", 1) ON DUPLICATE KEY UPDATE number = number;")
		q.Add("SELECT number FROM meta WHERE name = ").Blob([]byte(record.MetaNextConversation))
		err := t.Query(ctx, q.String(), func(r *mysql.Rows) error {
			return r.Each(func(scan func(...any)) error { scan(&next); return nil })
		})
		if err != nil {
			return err
		}
		id = max(wanted, chat.ConversationID(next))
		if id > chat.MaxID {
			return chat.Errorf(chat.CodeInvalid, chat.ReasonIDInvalid, "conversation %d: ids end at %d", wanted, uint64(chat.MaxID))
		}
		q.Reset()
		q.Add("UPDATE meta SET number = ").Number(uint64(id) + 1).Add(" WHERE name = ").Blob([]byte(record.MetaNextConversation))
		return t.Commit(ctx, q.String())
	})
	return id, err
}
