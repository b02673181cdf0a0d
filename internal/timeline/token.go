package timeline

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"hash/fnv"

	"github.com/throng-im/throng/internal/chat"
)

// place is where a conversation stands in its user's list.
type place struct {
	pinned       bool
	timeMS       uint64
	conversation chat.ConversationID
}

func placeOf(it *item) place {
	return place{pinned: it.row.Settings.Pinned, timeMS: it.view.Head.TimeMS, conversation: it.row.Conversation}
}

// compare is negative where p stands before o.
func (p place) compare(o place) int {
	if p.pinned != o.pinned {
		if p.pinned {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(o.timeMS, p.timeMS), cmp.Compare(o.conversation, p.conversation))
}

// A page token is a version, the pinned flag, time and conversation, and a sum over these, the user and the list. It holds
// nothing that its user may not know and gives no access to anything, so the sum guards against mistakes, not against
// forgers: whatever a token says, the page is made of the user's own list.
const (
	tokenVersion = 1
	tokenBody    = 18
	tokenBytes   = tokenBody + 8
)

func (p place) token(user chat.UserID, archived bool) string {
	b := make([]byte, tokenBytes)
	b[0] = tokenVersion
	if p.pinned {
		b[1] = 1
	}
	binary.BigEndian.PutUint64(b[2:], p.timeMS)
	binary.BigEndian.PutUint64(b[10:], uint64(p.conversation))
	binary.BigEndian.PutUint64(b[tokenBody:], tokenSum(b[:tokenBody], user, archived))
	return base64.RawURLEncoding.EncodeToString(b)
}

func tokenSum(b []byte, user chat.UserID, archived bool) uint64 {
	h := fnv.New64a()
	var extra [9]byte
	binary.BigEndian.PutUint64(extra[:], uint64(user))
	if archived {
		extra[8] = 1
	}
	_, _ = h.Write(b) // a hash takes everything
	_, _ = h.Write(extra[:])
	return h.Sum64()
}

// parseToken returns nil for no token.
func parseToken(s string, user chat.UserID, archived bool) (*place, error) {
	if s == "" {
		return nil, nil //nolint:nilnil // no token is no place
	}
	invalid := chat.Errorf(chat.CodeInvalid, chat.ReasonPageTokenInvalid, "the page token is not one of this list; start from the first page")
	if len(s) != base64.RawURLEncoding.EncodedLen(tokenBytes) {
		return nil, invalid
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != tokenBytes || b[0] != tokenVersion || b[1] > 1 {
		return nil, invalid
	}
	if binary.BigEndian.Uint64(b[tokenBody:]) != tokenSum(b[:tokenBody], user, archived) {
		return nil, invalid
	}
	p := place{
		pinned: b[1] == 1, timeMS: binary.BigEndian.Uint64(b[2:]), conversation: chat.ConversationID(binary.BigEndian.Uint64(b[10:])),
	}
	if p.conversation == 0 || p.conversation > chat.MaxID || p.timeMS > chat.MaxID {
		return nil, invalid
	}
	return &p, nil
}
