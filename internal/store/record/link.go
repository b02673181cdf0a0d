package record

import (
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/invite"
)

const flagRevoked = 1 << 0

const linkEnded = 1

func linkBlock(l invite.Link) chat.Later {
	if l.EndedMS == 0 {
		return l.Later
	}
	w := fieldWriter{}
	w.number(linkEnded, l.EndedMS)
	return chat.Later(w.b) + l.Later
}

// AppendLink writes a link.
func AppendLink(b []byte, l invite.Link) []byte {
	later := laterOf(linkBlock(l))
	flags := flag(l.Revoked) * flagRevoked
	if later != "" {
		flags |= flagLater
	}
	b = append(append(b, flags), l.Token[:]...)
	b = appendNumbers(b, uint64(l.Creator), l.CreatedMS, l.ExpiresMS, uint64(l.Most), uint64(l.Used))
	return appendLater(b, later)
}

// Link reads one.
func (r *Reader) Link(conversation chat.ConversationID, id uint64) invite.Link {
	flags := r.byte()
	l := invite.Link{Conversation: conversation, ID: id, Revoked: flags&flagRevoked != 0}
	copy(l.Token[:], r.raw(uint64(len(l.Token))))
	l.Creator, l.CreatedMS, l.ExpiresMS = chat.UserID(r.Number()), r.Number(), r.Number()
	l.Most, l.Used = uint32(r.Number()), uint32(r.Number())
	l.Later = r.fields(r.later(flags), func(what uint64, field *Reader) bool {
		if what != linkEnded {
			return false
		}
		l.EndedMS = field.Number()
		return true
	})
	return l
}

// KeyLink is the key of a link.
func KeyLink(conversation chat.ConversationID, id uint64) []byte {
	return Key2(TableLink, uint64(conversation), id)
}
