package receipt

import (
	"context"
	"encoding/binary"

	"github.com/throng-im/throng/internal/chat"
)

// Positions is the port through which receipts read where members stand. It may be called from any goroutine; what it returns belongs to the
// caller.
//
//   - RPO-1 Positions pages the current members by ascending user id, those above after, each with what it has read and what its devices have
//     got. An unknown conversation has no members.
//   - RPO-2 What it returns is durable, and as of a moment not before the call.
type Positions interface {
	Positions(ctx context.Context, id chat.ConversationID, after chat.UserID, limit int) ([]Position, error)
}

// Position is where a member stands.
type Position struct {
	chat.Member

	Read chat.Seq
}

// receipt returns what others see, but for privacy.
func (p *Position) receipt() chat.Receipt {
	return chat.Receipt{User: p.User, Read: p.Read, Got: max(p.Read, p.Got)}
}

// raise takes the higher positions of two receipts of one user.
func raise(r *chat.Receipt, by chat.Receipt) {
	r.User, r.Read, r.Got = by.User, max(r.Read, by.Read), max(r.Got, by.Got)
}

// wordVersion begins what nodes tell each other. Another one is of a node that says it in another way, and is passed over.
const wordVersion = 1

// Append writes receipts for another node.
func Append(b []byte, list []chat.Receipt) []byte {
	b = append(b, wordVersion)
	for _, r := range list {
		b = binary.AppendUvarint(b, uint64(r.User))
		b = binary.AppendUvarint(b, uint64(r.Read))
		b = binary.AppendUvarint(b, uint64(r.Got))
	}
	return b
}

// Decode reads them, up to what it cannot read.
func Decode(b []byte) (list []chat.Receipt) {
	if len(b) == 0 || b[0] != wordVersion {
		return nil
	}
	for b = b[1:]; len(b) > 0; {
		var n [3]uint64
		for i := range n {
			v, size := binary.Uvarint(b)
			if size <= 0 {
				return list
			}
			n[i], b = v, b[size:]
		}
		list = append(list, chat.Receipt{User: chat.UserID(n[0]), Read: chat.Seq(n[1]), Got: chat.Seq(n[2])})
	}
	return list
}
