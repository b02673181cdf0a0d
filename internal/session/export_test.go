package session

import (
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/wire"
)

// PutBack gives back what Take returned.
func (o *Outbox) PutBack(b []byte) { o.env.Put(b) }

// AppendAck is the acknowledgement written by hand.
func AppendAck(sub wire.Subprotocol, id uint64, r *chat.Result) []byte {
	return appendAck(sub, nil, id, r)
}
