package people

import (
	"context"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/invite"
	"github.com/throng-im/throng/internal/store/mysql"
	"github.com/throng-im/throng/internal/store/record"
)

var _ invite.Links = (*Links)(nil)

// Links keeps the links by which people join groups, in the home database. All methods may be called from any goroutine.
type Links struct {
	// immutable after construction
	home *mysql.Database
}

// NewLinks returns the links of a store.
func NewLinks(s *mysql.Store) *Links { return &Links{s.Home()} }

func decodeLink(conversation chat.ConversationID, id uint64, value []byte) (invite.Link, error) {
	r := record.NewReader(value)
	l := r.Link(conversation, id)
	if !r.Done() {
		return l, record.ErrDamaged("link")
	}
	return l, nil
}

// linksOf asks for links of a conversation: one, or with 0 all.
func linksOf(conversation chat.ConversationID, id uint64) *mysql.Text {
	var q mysql.Text
	q.Add("SELECT link, value FROM link WHERE conversation = ").Number(uint64(conversation))
	if id != 0 {
		q.Add(" AND link = ").Number(id)
	}
	return q.Add(" ORDER BY link")
}

// takeLinks reads what was asked for.
func takeLinks(r *mysql.Rows, conversation chat.ConversationID) (out []invite.Link, err error) {
	err = r.Each(func(scan func(...any)) error {
		var id uint64
		var value []byte
		scan(&id, &value)
		l, err := decodeLink(conversation, id, value)
		out = append(out, l)
		return err
	})
	return out, err
}

// Change changes a link.
func (l *Links) Change(ctx context.Context, conversation chat.ConversationID, id uint64, fn func(*invite.Link) error) (link invite.Link, err error) {
	err = l.home.Transact(ctx, "link", func(t *mysql.Tx) error {
		was := invite.Link{Conversation: conversation, ID: id}
		err := t.Query(ctx, linksOf(conversation, id).Add(" FOR UPDATE").String(), func(r *mysql.Rows) error {
			found, err := takeLinks(r, conversation)
			if len(found) > 0 {
				was = found[0]
			}
			return err
		})
		if err != nil {
			return err
		}
		link = was
		if err := fn(&link); err != nil {
			return err
		}
		var q mysql.Text
		where := func() { q.Add(" WHERE conversation = ").Number(uint64(conversation)).Add(" AND link = ").Number(id) }
		switch value := record.AppendLink(nil, link); {
		case link == was:
			return nil
		case !link.Exists():
			q.Add("DELETE FROM link")
			where()
		case was.Exists():
			q.Add("UPDATE link SET value = ").Blob(value)
			where()
		default:
			q.Add("INSERT INTO link (conversation, link, value) VALUES (").Number(uint64(conversation)).Add(",").Number(id).Add(",").Blob(value).Add(")")
		}
		err = t.Commit(ctx, q.String())
		if mysql.IsDuplicate(err) {
			return mysql.BeginAgain(err)
		}
		return err
	})
	if err != nil {
		return invite.Link{}, err
	}
	return link, nil
}

// Link returns a link.
func (l *Links) Link(ctx context.Context, conversation chat.ConversationID, id uint64) (invite.Link, error) {
	all, err := l.read(ctx, conversation, id)
	if err != nil || len(all) == 0 {
		return invite.Link{Conversation: conversation, ID: id}, err
	}
	return all[0], nil
}

// Links returns all links of a conversation.
func (l *Links) Links(ctx context.Context, conversation chat.ConversationID) ([]invite.Link, error) {
	return l.read(ctx, conversation, 0)
}

func (l *Links) read(ctx context.Context, conversation chat.ConversationID, id uint64) (out []invite.Link, err error) {
	err = l.home.Read(ctx, "links", linksOf(conversation, id).String(), func(r *mysql.Rows) error {
		out, err = takeLinks(r, conversation)
		return err
	})
	return out, err
}
