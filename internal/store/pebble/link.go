package pebble

import (
	"context"

	"github.com/cockroachdb/pebble/v2"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/invite"
	"github.com/throng-im/throng/internal/store/record"
)

// Links is the invite.Links of a store.
type Links struct{ r *Relations }

// Links returns the links of the store. They are read and written beside the accounts.
func (s *Store) Links() *Links { return &Links{s.Relations()} }

var _ invite.Links = (*Links)(nil)

func (l *Links) link(conversation chat.ConversationID, id uint64) (invite.Link, error) {
	link := invite.Link{Conversation: conversation, ID: id}
	_, err := l.r.a.s.get(record.KeyLink(conversation, id), "link", func(in *record.Reader) { link = in.Link(conversation, id) })
	return link, err
}

// Change changes a link.
func (l *Links) Change(ctx context.Context, conversation chat.ConversationID, id uint64, fn func(*invite.Link) error) (link invite.Link, err error) {
	if err := l.r.a.s.guard.check(); err != nil {
		return invite.Link{}, err
	}
	err = l.r.a.change(ctx, func(b *pebble.Batch) error {
		was, err := l.link(conversation, id)
		if err != nil {
			return err
		}
		link = was
		if err := fn(&link); err != nil {
			return err
		}
		switch key := record.KeyLink(conversation, id); {
		case link == was:
			return nil
		case !link.Exists():
			return drop(b, key)
		default:
			return storageError(b.Set(key, record.AppendLink(nil, link), nil), "storing a link")
		}
	})
	if err != nil {
		return invite.Link{}, err
	}
	return link, nil
}

// Link returns a link.
func (l *Links) Link(ctx context.Context, conversation chat.ConversationID, id uint64) (link invite.Link, err error) {
	err = l.r.read(ctx, func() (err error) { link, err = l.link(conversation, id); return err })
	return link, err
}

// Links returns all links of a conversation.
func (l *Links) Links(ctx context.Context, conversation chat.ConversationID) (out []invite.Link, err error) {
	err = l.r.read(ctx, func() error {
		from, to := record.KeyLink(conversation, 0), record.KeyAfter(record.TableLink, uint64(conversation))
		return l.r.a.scan(from, to, "link", func(key []byte, in *record.Reader) bool {
			out = append(out, in.Link(conversation, record.Second(key)))
			return true
		})
	})
	return out, err
}
