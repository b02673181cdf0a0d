package archive

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/throng-im/throng/internal/chat"
)

// version of the format. A reader refuses newer ones.
const version = 1

// The types of lines.
const (
	typeHeader       = "throng"
	typeUser         = "user"
	typeConversation = "conversation"
	typeEntry        = "entry"
	typeMember       = "member"
	typeRead         = "read"
	typeRelation     = "relation"
	typePrivacy      = "privacy"
	typeSetting      = "setting"
	typeEnd          = "end"
)

// User is an account in an archive.
type User struct {
	ID         chat.UserID       `json:"id"`
	Handle     string            `json:"handle,omitempty"`
	ExternalID string            `json:"external_id,omitempty"`
	Name       string            `json:"name,omitempty"`
	Avatar     string            `json:"avatar,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
	Version    uint64            `json:"version,omitempty"`
	Admin      bool              `json:"admin,omitempty"`
	Disabled   bool              `json:"disabled,omitempty"`
	Deleted    bool              `json:"deleted,omitempty"`
	CreatedMS  uint64            `json:"created_ms,omitempty"`
	// NoReadReceipts: the user does not tell what was read.
	NoReadReceipts bool `json:"no_read_receipts,omitempty"`
	// Unlisted: nobody finds the user by the handle.
	Unlisted bool `json:"unlisted,omitempty"`
	// Password is the hash in PHC form; only in exports that were asked for it.
	Password string `json:"password,omitempty"`
}

type header struct {
	Type string `json:"type"`

	Version   int    `json:"version"`
	Origin    string `json:"origin"`
	CreatedMS uint64 `json:"created_ms"`
	// Passwords: the hashes are in it.
	Passwords bool `json:"passwords,omitempty"`
}

type userLine struct {
	Type string `json:"type"`

	User
}

type conversation struct {
	Type string `json:"type"`

	ID          chat.ConversationID `json:"id"`
	Kind        string              `json:"kind"`
	Name        string              `json:"name,omitempty"`
	Avatar      string              `json:"avatar,omitempty"`
	Description string              `json:"description,omitempty"`
	Open        bool                `json:"open,omitempty"`
	Owner       chat.UserID         `json:"owner,omitempty"`
	Pair        []chat.UserID       `json:"pair,omitempty"`
	CreatedMS   uint64              `json:"created_ms,omitempty"`
}

type entry struct {
	Type string `json:"type"`

	Conversation chat.ConversationID `json:"conversation"`
	Seq          chat.Seq            `json:"seq"`
	Ordinal      chat.Ordinal        `json:"ordinal"`
	Sender       chat.UserID         `json:"sender,omitempty"`
	TimeMS       uint64              `json:"time_ms"`
	ClientID     string              `json:"client_id,omitempty"`
	Refers       *refers             `json:"refers,omitempty"`
	Body         body                `json:"body"`
}

type member struct {
	Type string `json:"type"`

	Conversation chat.ConversationID `json:"conversation"`
	User         chat.UserID         `json:"user"`
	Role         string              `json:"role"`
	JoinedMS     uint64              `json:"joined_ms,omitempty"`
	MutedUntilMS uint64              `json:"muted_until_ms,omitempty"`
	Spans        [][2]chat.Seq       `json:"spans"`
}

type read struct {
	Type string `json:"type"`

	Conversation chat.ConversationID `json:"conversation"`
	User         chat.UserID         `json:"user"`
	Seq          chat.Seq            `json:"seq"`
	// Hidden are spans that the user has deleted for oneself.
	Hidden [][2]chat.Seq `json:"hidden,omitempty"`
}

type setting struct {
	Type string `json:"type"`

	Conversation chat.ConversationID `json:"conversation"`
	User         chat.UserID         `json:"user"`
	Pinned       bool                `json:"pinned,omitempty"`
	Muted        bool                `json:"muted,omitempty"`
	Archived     bool                `json:"archived,omitempty"`
	MarkedUnread bool                `json:"marked_unread,omitempty"`
	Draft        string              `json:"draft,omitempty"`
}

// Relation is what a user said about another one.
type Relation struct {
	User  chat.UserID `json:"user"`
	Other chat.UserID `json:"other"`
	// Friend: the user wants to be friends; two who do are.
	Friend bool   `json:"friend,omitempty"`
	Note   string `json:"note,omitempty"`
	AtMS   uint64 `json:"at_ms,omitempty"`
	Follow bool   `json:"follow,omitempty"`
	Block  bool   `json:"block,omitempty"`
	Remark string `json:"remark,omitempty"`
}

// Privacy is what a user said about who may do what, where that is something.
type Privacy struct {
	User chat.UserID `json:"user"`
	// From is whom the user takes messages of: "friends", or "common_groups"; empty is all.
	From string `json:"messages_from,omitempty"`
}

type privacyLine struct {
	Type string `json:"type"`

	Privacy
}

type relationLine struct {
	Type string `json:"type"`

	Relation
}

type end struct {
	Type string `json:"type"`

	Users         uint64 `json:"users"`
	Conversations uint64 `json:"conversations"`
	Entries       uint64 `json:"entries"`
}

func parseKind(name string) (chat.Kind, error) {
	for _, k := range []chat.Kind{chat.KindDirect, chat.KindGroup, chat.KindSupport} {
		if k.Name() == name {
			return k, nil
		}
	}
	return 0, fmt.Errorf("%q is no kind of conversation", name)
}

func roleName(r chat.Role) string {
	switch r {
	case chat.RoleMember:
		return "member"
	case chat.RoleAdmin:
		return "admin"
	case chat.RoleOwner:
		return "owner"
	default:
		return ""
	}
}

func parseRole(name string) (chat.Role, error) {
	for _, r := range []chat.Role{0, chat.RoleMember, chat.RoleAdmin, chat.RoleOwner} {
		if roleName(r) == name {
			return r, nil
		}
	}
	return 0, fmt.Errorf("%q is no role", name)
}

func parseTier(name string) (chat.Tier, error) {
	for _, t := range []chat.Tier{0, chat.TierSmall, chat.TierMedium, chat.TierLarge} {
		if t.Name() == name {
			return t, nil
		}
	}
	return 0, fmt.Errorf("%q is no tier", name)
}

func clientIDText(c chat.ClientID) string {
	if c.IsZero() {
		return ""
	}
	return c.String()
}

func parseClientIDText(text string) (chat.ClientID, error) {
	if text == "" {
		return chat.ClientID{}, nil
	}
	b, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil {
		return chat.ClientID{}, fmt.Errorf("%q is no client id: %w", text, err)
	}
	return chat.ParseClientID(b)
}
