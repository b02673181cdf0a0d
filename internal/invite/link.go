package invite

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"

	"github.com/throng-im/throng/internal/chat"
)

// Hash is the SHA-256 of a token.
type Hash [sha256.Size]byte

// Link lets people into a group. The zero value, with Conversation and ID alone, stands for one that is not there.
type Link struct {
	Conversation chat.ConversationID
	// ID names the link for those who look after it; it is a part of the hash.
	ID      uint64
	Token   Hash
	Creator chat.UserID // 0: a back end
	// CreatedMS and ExpiresMS are in milliseconds since 1970.
	CreatedMS, ExpiresMS uint64
	// Most is how many may join by it; 0 is any number. Used is how many did.
	Most, Used uint32
	Revoked    bool
	// EndedMS is when it was revoked or the last one joined by it; 0 where neither was so. It says nothing of a link that is open.
	EndedMS uint64
	Later   chat.Later
}

// Exists reports whether there is such a link.
func (l Link) Exists() bool { return l.CreatedMS != 0 }

// Open reports whether somebody may still join by the link.
func (l Link) Open(nowMS uint64) bool {
	return l.Exists() && !l.Revoked && nowMS < l.ExpiresMS && (l.Most == 0 || l.Used < l.Most)
}

// ended is when a link ended that is not open any more, in milliseconds since 1970.
func (l Link) ended() uint64 {
	if l.EndedMS == 0 {
		return l.ExpiresMS
	}
	return min(l.EndedMS, l.ExpiresMS)
}

// listed reports whether a link is open, or ended so lately that it is still shown.
func (l Link) listed(nowMS uint64) bool {
	return l.Open(nowMS) || l.Exists() && nowMS < l.ended()+uint64(kept.Milliseconds())
}

// end notes that the link ends now, if it does not let anybody in any more by something else than its time.
func (l *Link) end(nowMS uint64) {
	if !l.Open(nowMS) && l.EndedMS == 0 {
		l.EndedMS = nowMS
	}
}

// Links is the port of the links. All methods may be called from any goroutine; what they return belongs to the caller.
//
//   - LNK-1 What a method returns is durable, and so is what it did: it stands after any crash.
//   - LNK-2 Change shows fn the latest state of a link and stores what fn leaves, in one step; of several at once each is shown what the one
//     before left. fn may be called again. fn's error stores nothing and is returned.
//   - LNK-3 A link that fn leaves without CreatedMS is removed.
//   - LNK-4 Links returns all links of a conversation, ascending by id.
//   - LNK-5 Every error but fn's own is a *chat.Error. A closed store answers unavailable.
type Links interface {
	Change(ctx context.Context, conversation chat.ConversationID, id uint64, fn func(l *Link) error) (Link, error)
	// Link is the zero Link with its names where there is none.
	Link(ctx context.Context, conversation chat.ConversationID, id uint64) (Link, error)
	Links(ctx context.Context, conversation chat.ConversationID) ([]Link, error)
}

// The parts of a token, in bytes: the id of the group, and what nobody can guess.
const (
	idBytes     = 8
	secretBytes = 16
	tokenBytes  = idBytes + secretBytes
)

// newToken draws a token for a group.
func newToken(id chat.ConversationID) string {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, tokenBytes), uint64(id))
	secret := make([]byte, secretBytes)
	_, _ = rand.Read(secret) // it never fails
	return base64.RawURLEncoding.EncodeToString(append(b, secret...))
}

// ParseToken returns which group a token is for, the id of its link and its hash. ok is false for what is no token, in its one form.
func ParseToken(token string) (conversation chat.ConversationID, id uint64, hash Hash, ok bool) {
	if len(token) != base64.RawURLEncoding.EncodedLen(tokenBytes) {
		return 0, 0, Hash{}, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) != tokenBytes { // line ends are passed over
		return 0, 0, Hash{}, false
	}
	n := binary.BigEndian.Uint64(b)
	if n == 0 || n > chat.MaxID {
		return 0, 0, Hash{}, false
	}
	hash = sha256.Sum256(b)
	return chat.ConversationID(n), hash.ID(), hash, true
}

// ID is the part of a hash that names a link; it is never 0.
func (h Hash) ID() uint64 { return max(binary.BigEndian.Uint64(h[:])&chat.MaxID, 1) }

func (h Hash) is(o Hash) bool { return subtle.ConstantTimeCompare(h[:], o[:]) == 1 }
