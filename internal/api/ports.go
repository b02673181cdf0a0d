package api

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/conversation"
	"github.com/throng-im/throng/internal/invite"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/presence"
	"github.com/throng-im/throng/internal/social"
	"github.com/throng-im/throng/internal/timeline"
)

// Tokens says who holds a token.
type Tokens interface {
	Authenticate(ctx context.Context, token, device string) (account.Identity, error)
	// Seen notes that a device was used, and from where. It does not block.
	Seen(id account.Identity, address string)
}

// Users reads accounts.
type Users interface {
	Get(ctx context.Context, id chat.UserID) (account.User, error)
	ByHandle(ctx context.Context, handle string) (account.User, error)
	ByExternal(ctx context.Context, external string) (account.User, error)
	Profiles(ctx context.Context, ids []chat.UserID) ([]account.Profile, error)
	List(ctx context.Context, after chat.UserID, limit int) ([]account.User, error)
	Devices(ctx context.Context, user chat.UserID) ([]account.Device, error)
	Export(ctx context.Context, user chat.UserID) ([]account.Record, error)
}

// Accounts is what people do with their own accounts.
type Accounts interface {
	SignUp(ctx context.Context, r account.SignUp) (account.Grant, error)
	SignIn(ctx context.Context, c account.Credentials) (account.Grant, error)
	Refresh(ctx context.Context, token, address string) (account.Grant, error)
	SignOut(ctx context.Context, user chat.UserID, device chat.DeviceID, all bool) (int, error)
	SignOutOthers(ctx context.Context, user chat.UserID, keep chat.DeviceID) (int, error)
	UpdateProfile(ctx context.Context, user chat.UserID, c account.ProfileChange) (account.User, error)
	ChangePassword(ctx context.Context, user chat.UserID, device chat.DeviceID, old, fresh string) (int, error)
	DeleteAccount(ctx context.Context, user chat.UserID, password string) error
}

// Administration is what administrators and back ends do with accounts.
type Administration interface {
	CreateUsers(ctx context.Context, users []account.NewUser) (ids []chat.UserID, created int, err error)
	UpdateUser(ctx context.Context, user chat.UserID, c account.UserChange) (account.User, error)
	ResetPassword(ctx context.Context, user chat.UserID, password string) (string, error)
	IssueToken(ctx context.Context, user chat.UserID, d account.NewDevice) (account.Grant, error)
	DeleteUser(ctx context.Context, user chat.UserID) error
	CreateInvitation(ctx context.Context, uses uint32, expiresMS uint64) (code string, untilMS uint64, err error)
}

// Openings makes conversations and shows who is in them. An actor of 0 is a back end in its own name.
type Openings interface {
	OpenDirect(ctx context.Context, actor, peer chat.UserID) (chat.ConversationID, error)
	CreateGroup(ctx context.Context, actor chat.UserID, g conversation.NewGroup) (chat.ConversationID, error)
	Join(ctx context.Context, actor chat.UserID, id chat.ConversationID, password string) (chat.Result, error)
	Members(ctx context.Context, actor chat.UserID, id chat.ConversationID, after chat.UserID, limit int, role chat.Role) (
		members []chat.Member, total uint32, err error)
}

// Changes is what members do to conversations and to each other.
type Changes interface {
	Update(ctx context.Context, actor chat.UserID, id chat.ConversationID, c chat.Changed, password string) (chat.Result, error)
	AddMembers(ctx context.Context, actor chat.UserID, id chat.ConversationID, users []chat.UserID, role chat.Role) (chat.Result, error)
	Remove(ctx context.Context, actor chat.UserID, id chat.ConversationID, user chat.UserID, reason string) (chat.Result, error)
	Leave(ctx context.Context, actor chat.UserID, id chat.ConversationID) (chat.Result, error)
	SetRole(ctx context.Context, actor chat.UserID, id chat.ConversationID, user chat.UserID, role chat.Role) (chat.Result, error)
	Transfer(ctx context.Context, actor chat.UserID, id chat.ConversationID, user chat.UserID) (chat.Result, error)
	Mute(ctx context.Context, actor chat.UserID, id chat.ConversationID, user chat.UserID, untilMS uint64, reason string) (chat.Result, error)
	Dissolve(ctx context.Context, actor chat.UserID, id chat.ConversationID) (chat.Result, error)
}

// Moderation is what the admins of groups do besides, and what members are called in them.
type Moderation interface {
	SetNickname(ctx context.Context, actor chat.UserID, id chat.ConversationID, user chat.UserID, name string) (chat.Result, error)
	Ban(ctx context.Context, actor chat.UserID, id chat.ConversationID, user chat.UserID, untilMS uint64, reason string) (chat.Result, error)
	Unban(ctx context.Context, actor chat.UserID, id chat.ConversationID, user chat.UserID, reason string) (chat.Result, error)
	// Bans pages those who are banned, Acts what admins did.
	Bans(ctx context.Context, actor chat.UserID, id chat.ConversationID, after chat.UserID, limit int) ([]chat.Member, error)
	Acts(ctx context.Context, actor chat.UserID, id chat.ConversationID, from chat.Seq, limit int) (acts []chat.Entry, next chat.Seq, err error)
}

// Tiers shows and sets how conversations are delivered, for administrators of the server.
type Tiers interface {
	Head(ctx context.Context, id chat.ConversationID) (chat.Head, error)
	SetTier(ctx context.Context, id chat.ConversationID, tier chat.Tier) (chat.Result, error)
}

// Messages is the log.
type Messages interface {
	Append(ctx context.Context, d *chat.Draft) (chat.Result, error)
	Range(ctx context.Context, q message.RangeQuery) (message.Page, error)
	Edits(ctx context.Context, q message.EditsQuery) (versions []chat.Version, more bool, err error)
	// Pins reads the messages of a list of pins, Find one with where it stands.
	Pins(ctx context.Context, reader chat.UserID, id chat.ConversationID, pins chat.Pins, before chat.Seq) (out []message.Pinned, more bool, err error)
	Find(ctx context.Context, reader chat.UserID, id chat.ConversationID, seq chat.Seq) (message.Place, error)
	// Hide deletes entries for a member alone.
	Hide(ctx context.Context, reader chat.UserID, id chat.ConversationID, spans []chat.Span) error
}

// Timelines is what users see of their conversations.
type Timelines interface {
	Sync(ctx context.Context, user chat.UserID, q timeline.Query) (timeline.Changes, error)
	List(ctx context.Context, user chat.UserID, q timeline.ListQuery) (timeline.Listing, error)
	View(ctx context.Context, user chat.UserID, id chat.ConversationID) (timeline.View, error)
	Heads(ctx context.Context, user chat.UserID, ids []chat.ConversationID) ([]chat.Head, error)
	Digest(ctx context.Context, user chat.UserID) (timeline.Digest, error)
	Settings(ctx context.Context, user chat.UserID, id chat.ConversationID, p timeline.SettingsPatch) (chat.Settings, error)
	// Touch makes a conversation one that has changed for the user.
	Touch(ctx context.Context, user chat.UserID, id chat.ConversationID) (chat.Settings, error)
}

// Relations is what people are to each other.
type Relations interface {
	Request(ctx context.Context, user, other chat.UserID, note string) (social.View, error)
	Accept(ctx context.Context, user, other chat.UserID) (social.View, error)
	Refuse(ctx context.Context, user, other chat.UserID) (social.View, error)
	Withdraw(ctx context.Context, user, other chat.UserID) (social.View, error)
	Unfriend(ctx context.Context, user, other chat.UserID) (social.View, error)
	Follow(ctx context.Context, user, other chat.UserID, on bool) (social.View, error)
	Remark(ctx context.Context, user, other chat.UserID, name string) (social.View, error)
	Block(ctx context.Context, user, other chat.UserID, on bool) (social.View, error)
}

// Invites makes links, and lets people in by them.
type Invites interface {
	Create(ctx context.Context, actor chat.UserID, id chat.ConversationID, n invite.NewLink) (invite.Link, string, error)
	List(ctx context.Context, actor chat.UserID, id chat.ConversationID) ([]invite.Link, error)
	Revoke(ctx context.Context, actor chat.UserID, id chat.ConversationID, link uint64) (invite.Link, error)
	Preview(ctx context.Context, actor chat.UserID, token string) (invite.Preview, error)
	Join(ctx context.Context, actor chat.UserID, token string) (chat.ConversationID, chat.Result, error)
}

// Privacy is what users say about who may do what.
type Privacy interface {
	Privacy(ctx context.Context, user chat.UserID) (social.Privacy, error)
	SetPrivacy(ctx context.Context, user chat.UserID, p social.PrivacyPatch) (social.Privacy, error)
}

// RelationLists shows what people are to each other, and removes it.
type RelationLists interface {
	Since(ctx context.Context, user chat.UserID, c social.Cursor, limit int) (social.Page, error)
	// Erase removes everything about a user, with the user and with others.
	Erase(ctx context.Context, user chat.UserID) error
}

// Presence knows who is there ([presence.Hub]).
type Presence interface {
	Read(ctx context.Context, user chat.UserID, people []presence.Named) ([]presence.Status, error)
	ListOnline(ctx context.Context, user chat.UserID, id chat.ConversationID, after chat.UserID, limit int) (presence.OnlinePage, error)
}

// Gateways says where a client may open its session.
type Gateways interface {
	// Gateways names nodes to try, the best first; none where only the balancer knows a way. Where nobody takes newcomers it fails with
	// CodeUnavailable and says when to come back.
	Gateways(ctx context.Context, a cluster.Ask) ([]cluster.Info, error)
}

// Past knows and removes what a user left behind.
type Past interface {
	// Conversations returns every conversation that the user is or was in.
	Conversations(ctx context.Context, user chat.UserID) ([]chat.ConversationID, error)
	// Tombstone removes the content that the sender wrote in a conversation; it returns how many entries lost theirs.
	Tombstone(ctx context.Context, id chat.ConversationID, span chat.Span, sender chat.UserID, why chat.TombstoneReason) (int, error)
}

// Discretion is what users do not tell others.
type Discretion interface {
	SetPrivacy(ctx context.Context, user chat.UserID, change func(p *account.Privacy)) (account.Privacy, error)
}

// Limits slows down who asks too often. Each method takes one token, or says how long to wait. They are called from any
// goroutine and do not block.
type Limits interface {
	TakeRequest(user chat.UserID) time.Duration
	// TakeFind limits looking for people by their handles.
	TakeFind(user chat.UserID) time.Duration
	// TakeSend returns nil, or the refusal with its reason and the time to wait.
	TakeSend(user chat.UserID, conversation chat.ConversationID) *chat.Error
	// GiveSend gives the conversation's token back where the send was refused: who is not in a conversation does not use up
	// what its members may send.
	GiveSend(conversation chat.ConversationID)
	// TakeAddress is for calls without a token.
	TakeAddress(address string) time.Duration
}

// Deps is what the API works with.
type Deps struct {
	Tokens         Tokens
	Users          Users
	Accounts       Accounts
	Administration Administration
	Openings       Openings
	Changes        Changes
	Moderation     Moderation
	Tiers          Tiers
	Messages       Messages
	Timelines      Timelines
	Relations      Relations
	RelationLists  RelationLists
	Privacy        Privacy
	Invites        Invites
	Past           Past
	Presence       Presence
	Receipts       *Receipts
	Discretion     Discretion
	// Names puts profiles to entries; nil makes one of Users.
	Names *Introductions

	// Gateways may be nil: sessions are opened at this server.
	Gateways Gateways
	// PublicURL is how clients reach the server, or the balancer in front of it; empty is as they did.
	PublicURL string
	// Limits may be nil: nobody is slowed down.
	Limits Limits
	// Session takes GET /v1/session; nil answers unavailable.
	Session http.Handler
	// Web serves the web client at every path that is nobody else's; nil serves a page that names the endpoints.
	Web http.Handler
	// Ready reports why the server should get no work; nil is always ready.
	Ready func(ctx context.Context) error
	// AllowedOrigins are web origins besides the server's own; "*" is all. It is asked at every request.
	AllowedOrigins func() []string
	Logger         *slog.Logger
	// Now is the wall clock; nil is time.Now.
	Now func() time.Time
}

func (d *Deps) defaults() {
	if d.Limits == nil {
		d.Limits = unlimited{}
	}
	if d.Ready == nil {
		d.Ready = func(context.Context) error { return nil }
	}
	if d.AllowedOrigins == nil {
		d.AllowedOrigins = func() []string { return nil }
	}
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Names == nil {
		d.Names = NewIntroductions(d.Users, d.Now)
	}
}

type unlimited struct{}

func (unlimited) TakeRequest(chat.UserID) time.Duration                 { return 0 }
func (unlimited) TakeFind(chat.UserID) time.Duration                    { return 0 }
func (unlimited) TakeSend(chat.UserID, chat.ConversationID) *chat.Error { return nil }
func (unlimited) GiveSend(chat.ConversationID)                          {}
func (unlimited) TakeAddress(string) time.Duration                      { return 0 }
