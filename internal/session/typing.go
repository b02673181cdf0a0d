package session

import (
	"github.com/throng-im/throng/internal/pressure"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// typing passes on that the user is typing (PRE-1). While the server leaves that out, nobody is told, and who types neither (DLV-23 has
// told them).
func (s *Session) typing(id uint64, req *throngv1.TypingRequest) {
	conversation, err := wire.ConversationID(req.GetConversation())
	if err != nil {
		s.fail(id, err)
		return
	}
	if !s.out.env.cfg.leaves(pressure.TypingOff) {
		s.call(Call{Kind: CallTyping, Conversation: conversation})
	}
}

// maxWhispers is how many pieces that nobody misses wait for a receiver.
const maxWhispers = 8

// whispers are pieces that nobody misses. They go behind everything that waits, and are dropped where the transport is busy.
type whispers struct{ pieces [][]byte }

// whisper takes a piece that nobody misses. It is dropped where the receiver is slow, or has enough of them (PRE-5).
func (o *Outbox) whisper(piece []byte) {
	if o.held > 0 || o.lag != nil || o.shared != nil {
		return
	}
	if o.soft == nil {
		o.soft = new(whispers)
	}
	if len(o.soft.pieces) < maxWhispers {
		o.soft.pieces = append(o.soft.pieces, piece)
	}
}

// whispered puts such pieces behind what waits.
func (o *Outbox) whispered() {
	if o.soft == nil {
		return
	}
	all := o.soft.pieces
	o.soft = nil
	for _, p := range all {
		o.add(p, 0, place{})
	}
}
