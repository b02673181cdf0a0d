package invite

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/throng-im/throng/internal/chat"
)

// Bounds of links.
const (
	defaultLife = 7 * 24 * time.Hour
	maxLife     = 366 * 24 * time.Hour
	maxUses     = 100_000
	// kept is how long a link that lets nobody in any more is listed.
	kept = 7 * 24 * time.Hour
)

// Groups are what links lead into.
type Groups interface {
	Conversation(ctx context.Context, id chat.ConversationID) (chat.Conversation, error)
	Member(ctx context.Context, id chat.ConversationID, user chat.UserID) (chat.Member, error)
	// Head returns the end of the log; not_found where there is none.
	Head(ctx context.Context, id chat.ConversationID) (chat.Head, error)
	// Enter makes the actor, for whom a link stands, a member. Result.Repeat says that the actor is one already.
	Enter(ctx context.Context, actor chat.UserID, id chat.ConversationID) (chat.Result, error)
}

// Service makes links and lets people in by them. All methods may be called from any goroutine; their errors are *chat.Error. An actor of
// 0 is the server or a back end, which no membership rule binds.
type Service struct {
	// immutable after construction
	links  Links
	groups Groups
	now    func() time.Time
}

// New builds the service. now is the wall clock; nil is time.Now.
func New(links Links, groups Groups, now func() time.Time) *Service {
	if now == nil {
		now = time.Now
	}
	return &Service{links: links, groups: groups, now: now}
}

func (s *Service) nowMS() uint64 { return uint64(max(1, s.now().UnixMilli())) }

// NewLink is a link that is to be made.
type NewLink struct {
	// ExpiresMS is when it ends, in milliseconds since 1970; 0 is in 7 days.
	ExpiresMS uint64
	// Most is how many may join by it; 0 is any number.
	Most uint32
}

// Create makes a link, and returns its token, which is told once: the server does not keep it.
func (s *Service) Create(ctx context.Context, actor chat.UserID, id chat.ConversationID, n NewLink) (Link, string, error) {
	m, err := s.may(ctx, actor, id, true)
	if err != nil {
		return Link{}, "", err
	}
	now := s.nowMS()
	if n.ExpiresMS == 0 {
		n.ExpiresMS = now + uint64(defaultLife.Milliseconds())
	}
	if n.ExpiresMS <= now || n.ExpiresMS > now+uint64(maxLife.Milliseconds()) || n.Most > maxUses {
		return Link{}, "", chat.Errorf(chat.CodeInvalid, chat.ReasonFieldInvalid,
			"a link ends later than now and within %d days, and lets in at most %d", int(maxLife.Hours())/24, maxUses)
	}
	if err := s.tidy(ctx, id, now, actor, actor == 0 || m.Role >= chat.RoleAdmin); err != nil {
		return Link{}, "", err
	}
	token := newToken(id)
	_, linkID, hash, _ := ParseToken(token)
	l, err := s.links.Change(ctx, id, linkID, func(l *Link) error {
		if l.Exists() {
			return chat.Errorf(chat.CodeUnavailable, chat.ReasonOverloaded, "try again")
		}
		l.Token, l.Creator, l.CreatedMS, l.ExpiresMS, l.Most = hash, actor, now, n.ExpiresMS, n.Most
		return nil
	})
	if err != nil {
		return Link{}, "", fmt.Errorf("making a link: %w", err)
	}
	return l, token, nil
}

// tidy removes links that ended so long ago that they are listed no more, and where there is no room those that ended. It refuses where too
// many are open: of the group, or of a plain member, who must leave room for others. Who makes several at the same moment may go a little
// beyond the bounds.
func (s *Service) tidy(ctx context.Context, id chat.ConversationID, now uint64, actor chat.UserID, admin bool) error {
	all, err := s.links.Links(ctx, id)
	if err != nil {
		return fmt.Errorf("listing links: %w", err)
	}
	left, own := len(all), 0
	for _, l := range all {
		if l.Open(now) && l.Creator == actor {
			own++
		}
	}
	if own >= chat.MaxMemberLinks && !admin {
		return chat.Errorf(chat.CodeTooLarge, chat.ReasonTooManyLinks, "who is no admin has at most %d links into a group; revoke some first", chat.MaxMemberLinks)
	}
	for _, l := range all {
		if l.Open(now) || l.listed(now) && left < chat.MaxLinks {
			continue
		}
		_, err := s.links.Change(ctx, id, l.ID, func(l *Link) error {
			if !l.Open(now) {
				*l = Link{Conversation: l.Conversation, ID: l.ID}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("removing a link: %w", err)
		}
		left--
	}
	if left >= chat.MaxLinks {
		return chat.Errorf(chat.CodeTooLarge, chat.ReasonTooManyLinks, "a group has at most %d links; revoke some first", chat.MaxLinks)
	}
	return nil
}

// List returns the links of a group, for its admins; those that ended stay a while.
func (s *Service) List(ctx context.Context, actor chat.UserID, id chat.ConversationID) ([]Link, error) {
	if _, err := s.may(ctx, actor, id, false); err != nil {
		return nil, err
	}
	all, err := s.links.Links(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("listing links: %w", err)
	}
	now := s.nowMS()
	return slices.DeleteFunc(all, func(l Link) bool { return !l.listed(now) }), nil
}

// Revoke ends a link: nobody joins by it from then on. Admins may, and who made it while a member. One that ended already stays so.
func (s *Service) Revoke(ctx context.Context, actor chat.UserID, id chat.ConversationID, link uint64) (Link, error) {
	m, err := s.member(ctx, actor, id)
	if err != nil {
		return Link{}, err
	}
	l, err := s.links.Change(ctx, id, link, func(l *Link) error {
		if actor != 0 && m.Role < chat.RoleAdmin && l.Creator != actor {
			return errRole()
		}
		if !l.Exists() {
			return chat.Errorf(chat.CodeNotFound, chat.ReasonLinkNotFound, "there is no such link")
		}
		l.Revoked = true
		l.end(s.nowMS())
		return nil
	})
	if err != nil {
		return Link{}, fmt.Errorf("revoking a link: %w", err)
	}
	return l, nil
}

// Preview is what a link shows before one joins.
type Preview struct {
	Conversation chat.Conversation
	Members      uint32
	ExpiresMS    uint64
	// Member: the actor is one already.
	Member bool
}

// Preview shows what a link leads into.
func (s *Service) Preview(ctx context.Context, actor chat.UserID, token string) (Preview, error) {
	l, err := s.find(ctx, token)
	if err != nil {
		return Preview{}, err
	}
	if !l.Open(s.nowMS()) {
		return Preview{}, errSpent()
	}
	head, err := s.groups.Head(ctx, l.Conversation)
	if err != nil {
		return Preview{}, fmt.Errorf("looking at a group: %w", err)
	}
	if head.Dissolved {
		return Preview{}, chat.Errorf(chat.CodeGone, chat.ReasonDissolved, "this group was dissolved")
	}
	about, err := s.groups.Conversation(ctx, l.Conversation)
	if err != nil {
		return Preview{}, fmt.Errorf("looking at a group: %w", err)
	}
	m, err := s.groups.Member(ctx, l.Conversation, actor)
	if err != nil {
		return Preview{}, fmt.Errorf("looking at a group: %w", err)
	}
	return Preview{Conversation: about, Members: head.Members, ExpiresMS: l.ExpiresMS, Member: m.Current()}, nil
}

// Join makes the actor a member by a link. Who is one already stays one, and takes no use.
func (s *Service) Join(ctx context.Context, actor chat.UserID, token string) (chat.ConversationID, chat.Result, error) {
	l, err := s.find(ctx, token)
	if err != nil {
		return 0, chat.Result{}, err
	}
	m, err := s.groups.Member(ctx, l.Conversation, actor)
	if err != nil {
		return 0, chat.Result{}, fmt.Errorf("joining: %w", err)
	}
	if m.Current() {
		r, err := s.groups.Enter(ctx, actor, l.Conversation)
		return l.Conversation, r, err //nolint:wrapcheck // a refusal is the answer
	}
	_, err = s.links.Change(ctx, l.Conversation, l.ID, func(l *Link) error {
		now := s.nowMS()
		if !l.Open(now) {
			return errSpent()
		}
		l.Used, l.EndedMS = l.Used+1, 0
		l.end(now)
		return nil
	})
	if err != nil {
		return 0, chat.Result{}, fmt.Errorf("joining: %w", err)
	}
	r, err := s.groups.Enter(ctx, actor, l.Conversation)
	if refused(err) || r.Repeat {
		s.giveBack(ctx, l)
	}
	return l.Conversation, r, err //nolint:wrapcheck // a refusal is the answer
}

// refused reports an error that promises that nobody became a member.
func refused(err error) bool {
	return err != nil && chat.AsError(err).Code != chat.CodeUnknown
}

// giveBack returns a use that nobody came in by. Where that fails the use is lost, which lets in one less.
func (s *Service) giveBack(ctx context.Context, l Link) {
	_, _ = s.links.Change(context.WithoutCancel(ctx), l.Conversation, l.ID, func(l *Link) error {
		if l.Exists() && l.Used > 0 {
			l.Used--
			if !l.Revoked {
				l.EndedMS = 0
			}
		}
		return nil
	})
}

// find returns the link of a token, also one that has ended.
func (s *Service) find(ctx context.Context, token string) (Link, error) {
	id, linkID, hash, ok := ParseToken(token)
	if !ok {
		return Link{}, errInvalid()
	}
	l, err := s.links.Link(ctx, id, linkID)
	if err != nil {
		return Link{}, fmt.Errorf("looking for a link: %w", err)
	}
	if !l.Exists() || !l.Token.is(hash) {
		return Link{}, errInvalid()
	}
	return l, nil
}

// may checks that the actor may look after a group's links. Into an open group, which anybody may join, every member may make one.
func (s *Service) may(ctx context.Context, actor chat.UserID, id chat.ConversationID, making bool) (chat.Member, error) {
	m, err := s.member(ctx, actor, id)
	if err != nil {
		return m, err
	}
	head, err := s.groups.Head(ctx, id)
	if err != nil {
		return m, fmt.Errorf("looking at a group: %w", err)
	}
	switch {
	case head.Kind != chat.KindGroup:
		return m, chat.Errorf(chat.CodeFailedPrecondition, chat.ReasonNotAGroup, "a direct conversation has two members for ever")
	case head.Dissolved:
		return m, chat.Errorf(chat.CodeGone, chat.ReasonDissolved, "this group was dissolved")
	case actor == 0, m.Role >= chat.RoleAdmin, making && head.Open:
		return m, nil
	default:
		return m, errRole()
	}
}

// member refuses who is none, as if there were no such group.
func (s *Service) member(ctx context.Context, actor chat.UserID, id chat.ConversationID) (chat.Member, error) {
	if actor == 0 {
		return chat.Member{}, nil
	}
	m, err := s.groups.Member(ctx, id, actor)
	if err != nil {
		return chat.Member{}, fmt.Errorf("looking at a group: %w", err)
	}
	if !m.Current() {
		return chat.Member{}, chat.Errorf(chat.CodeNotFound, chat.ReasonConversationNotFound, "there is no such conversation for you")
	}
	return m, nil
}

func errInvalid() error {
	return chat.Errorf(chat.CodeNotFound, chat.ReasonLinkNotFound, "there is no such link")
}

func errSpent() error {
	return chat.Errorf(chat.CodeGone, chat.ReasonLinkSpent, "this link has ended; ask for another one")
}

func errRole() error {
	return chat.Errorf(chat.CodeForbidden, chat.ReasonRoleTooLow, "only admins may do this")
}
