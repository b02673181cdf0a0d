package conversation

import (
	"cmp"
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/throng-im/throng/internal/chat"
)

// Bounds of what lists of a group's admins have on a page.
const (
	defaultActs = 50
	maxActs     = 100
)

// Bounds of a group's password, in characters.
const (
	minPassword = 4
	maxPassword = 128
)

// Passwords hashes what lets people into groups.
type Passwords interface {
	HashSecret(ctx context.Context, secret string) (string, error)
	// CheckSecret compares; nothing fits an empty hash.
	CheckSecret(ctx context.Context, hash, secret string) (bool, error)
}

// Attempts slows down who has passwords hashed. Its methods return 0, or how long to wait; they do not block.
type Attempts interface {
	// TakeJoin is for trying a group's password.
	TakeJoin(user chat.UserID, id chat.ConversationID) time.Duration
	// TakePassword is for setting one.
	TakePassword(user chat.UserID) time.Duration
}

// WithPasswords lets groups be joined with a password; without it none can be set.
func WithPasswords(p Passwords, a Attempts) Option {
	return func(s *Service) { s.passwords, s.attempts = p, a }
}

// Entries reads single entries of a log.
type Entries interface {
	// Entry is one as the server sees it; not_found where it is not there.
	Entry(ctx context.Context, id chat.ConversationID, seq chat.Seq) (chat.Entry, error)
}

// WithEntries lets admins read what they did.
func WithEntries(e Entries) Option { return func(s *Service) { s.entries = e } }

// Update gives a group new settings. Admins and the owner may; the tier is not theirs to set. A password is the new one of a group that is
// joined with it; empty stays.
func (s *Service) Update(ctx context.Context, actor chat.UserID, id chat.ConversationID, c chat.Changed, password string) (chat.Result, error) {
	if c == (chat.Changed{}) && password == "" {
		return chat.Result{}, invalid("nothing was named that is to change; name at least one field")
	}
	if err := checkChanged(c); err != nil {
		return chat.Result{}, err
	}
	d := &chat.Draft{Conversation: id, Sender: actor, Body: c}
	if password != "" {
		hash, err := s.hashed(ctx, actor, id, &c, password)
		if err != nil {
			return chat.Result{}, err
		}
		d.Password, d.Body = hash, c
	}
	return s.submit(ctx, d)
}

// hashed returns the hash of a group's new password. Who may not set it anyway does not cost one.
func (s *Service) hashed(ctx context.Context, actor chat.UserID, id chat.ConversationID, c *chat.Changed, password string) (string, error) {
	if s.passwords == nil {
		return "", chat.Errorf(chat.CodeUnsupported, chat.ReasonUnsupported, "groups have no passwords here")
	}
	if n := utf8.RuneCountInString(password); n < minPassword || n > maxPassword || !utf8.ValidString(password) {
		return "", chat.Errorf(chat.CodeInvalid, chat.ReasonPasswordInvalid, "the password of a group has %d to %d characters", minPassword, maxPassword)
	}
	if c.Joining == nil {
		// It changes nothing but the password, and says so.
		joining := chat.JoiningPassword
		c.Joining = &joining
	}
	if *c.Joining != chat.JoiningPassword {
		return "", invalid("only a group that is joined with a password has one")
	}
	if err := s.managing(ctx, actor, id); err != nil {
		return "", err
	}
	if actor != 0 {
		if wait := s.attempts.TakePassword(actor); wait > 0 {
			return "", tooOften("too many passwords were set; wait", wait)
		}
	}
	hash, err := s.passwords.HashSecret(ctx, password)
	if err != nil {
		return "", chat.AsError(err)
	}
	return hash, nil
}

// managing refuses who is not an admin of the group, as the log would.
func (s *Service) managing(ctx context.Context, actor chat.UserID, id chat.ConversationID) error {
	if err := checkID(uint64(id), "conversation"); err != nil || actor == 0 {
		return err
	}
	m, err := s.dir.Member(ctx, id, actor)
	switch {
	case err != nil:
		return chat.AsError(err)
	case len(m.Spans) == 0:
		return notFound()
	case !m.Current():
		return chat.Errorf(chat.CodeForbidden, chat.ReasonNotAMember, "you are no longer a member of this conversation")
	case m.Role != chat.RoleAdmin && m.Role != chat.RoleOwner:
		return chat.Errorf(chat.CodeForbidden, chat.ReasonRoleTooLow, "only admins may do this")
	}
	return nil
}

// Join enters a group that is open, or joined with a password. Who is a member already stays one.
func (s *Service) Join(ctx context.Context, actor chat.UserID, id chat.ConversationID, password string) (chat.Result, error) {
	if err := checkID(uint64(actor), "user"); err != nil {
		return chat.Result{}, err
	}
	if err := checkID(uint64(id), "conversation"); err != nil {
		return chat.Result{}, err
	}
	if err := s.room(ctx, actor); err != nil {
		return chat.Result{}, err
	}
	d := &chat.Draft{Conversation: id, Sender: actor, Body: chat.MembersChanged{Action: chat.MemberJoined, Users: []chat.UserID{actor}}}
	if password != "" && s.passwords != nil {
		hash, err := s.fitting(ctx, actor, id, password)
		if err != nil {
			return chat.Result{}, err
		}
		d.Password = hash
	}
	return s.submit(ctx, d)
}

// fitting returns the hash of the group's password where the one given fits it, else nothing: the log has the answer then.
func (s *Service) fitting(ctx context.Context, actor chat.UserID, id chat.ConversationID, password string) (string, error) {
	c, err := s.dir.Conversation(ctx, id)
	if e := chat.AsError(err); e != nil {
		if e.Code == chat.CodeNotFound {
			return "", nil
		}
		return "", e
	}
	if c.Password == "" || len(password) > maxPassword*utf8.UTFMax {
		return "", nil
	}
	if wait := s.attempts.TakeJoin(actor, id); wait > 0 {
		return "", tooOften("too many passwords were tried; wait", wait)
	}
	fits, err := s.passwords.CheckSecret(ctx, c.Password, password)
	if err != nil {
		return "", chat.AsError(err)
	}
	if !fits {
		return "", nil
	}
	return c.Password, nil
}

func tooOften(message string, wait time.Duration) error {
	e := chat.Errorf(chat.CodeRateLimited, chat.ReasonRateLimited, "%s", message)
	e.RetryAfter = wait
	return e
}

// SetNickname sets what a member is called in the group; empty takes it away. Spaces around it do not count. Members name themselves, admins others of a lower rank.
func (s *Service) SetNickname(ctx context.Context, actor chat.UserID, id chat.ConversationID, user chat.UserID, name string) (chat.Result, error) {
	if err := checkID(uint64(user), "user"); err != nil {
		return chat.Result{}, err
	}
	name = strings.TrimSpace(name) // else there were names that nobody sees
	if err := checkText(name, "nickname", chat.MaxNicknameRunes*utf8.UTFMax, false); err != nil {
		return chat.Result{}, err
	}
	return s.append(ctx, actor, id, chat.MembersChanged{Action: chat.MemberNamed, Users: []chat.UserID{user}, Name: name})
}

// Ban keeps who is or was a member from becoming one again until a time, in milliseconds since 1970; 0 is for ever.
func (s *Service) Ban(
	ctx context.Context, actor chat.UserID, id chat.ConversationID, user chat.UserID, untilMS uint64, reason string,
) (chat.Result, error) {
	if err := checkID(uint64(user), "user"); err != nil {
		return chat.Result{}, err
	}
	if untilMS > chat.Forever {
		return chat.Result{}, invalid("until is a time in milliseconds since 1970, at most %d", chat.Forever)
	}
	if err := checkText(reason, "reason", chat.MaxActReason, true); err != nil {
		return chat.Result{}, err
	}
	return s.append(ctx, actor, id, chat.MembersChanged{
		Action: chat.MemberRemoved, Users: []chat.UserID{user}, Ban: true, UntilMS: cmp.Or(untilMS, chat.Forever), Reason: reason,
	})
}

// Unban lets a banned user become a member again.
func (s *Service) Unban(ctx context.Context, actor chat.UserID, id chat.ConversationID, user chat.UserID, reason string) (chat.Result, error) {
	if err := checkID(uint64(user), "user"); err != nil {
		return chat.Result{}, err
	}
	if err := checkText(reason, "reason", chat.MaxActReason, true); err != nil {
		return chat.Result{}, err
	}
	return s.append(ctx, actor, id, chat.MembersChanged{Action: chat.MemberUnbanned, Users: []chat.UserID{user}, Reason: reason})
}

// Bans pages those who are banned by ascending user id, those above after. Limit 0 is 100. Admins may.
func (s *Service) Bans(ctx context.Context, actor chat.UserID, id chat.ConversationID, after chat.UserID, limit int) ([]chat.Member, error) {
	if err := checkMemberPage(after, limit, 0); err != nil {
		return nil, err
	}
	if err := s.managing(ctx, actor, id); err != nil {
		return nil, err
	}
	out, err := s.dir.Bans(ctx, id, after, min(cmp.Or(limit, defaultMembers), maxMembers))
	if err != nil {
		return nil, chat.AsError(err)
	}
	return out, nil
}

// Acts pages what admins did in a group, newest first: the entries themselves, from one of them on; 0 is the newest. Next is where to go on, 0
// where there are no more. There are the last chat.MaxActs. Limit 0 is 50. Admins may.
func (s *Service) Acts(
	ctx context.Context, actor chat.UserID, id chat.ConversationID, from chat.Seq, limit int,
) (acts []chat.Entry, next chat.Seq, err error) {
	if limit < 0 || from > chat.MaxID {
		return nil, 0, invalid("a page of acts has 1 to %d", maxActs)
	}
	if err := s.managing(ctx, actor, id); err != nil {
		return nil, 0, err
	}
	head, err := s.Head(ctx, id)
	if err != nil {
		return nil, 0, err
	}
	next = cmp.Or(from, head.Acts.Last)
	limit = min(cmp.Or(limit, defaultActs), maxActs)
	for len(acts) < limit && next != 0 {
		e, err := s.entries.Entry(ctx, id, next)
		if err != nil {
			return nil, 0, chat.AsError(err)
		}
		if e.Act.N == 0 {
			return nil, 0, chat.Errorf(chat.CodeInvalid, chat.ReasonPageTokenInvalid, "the page token is not one of ours; start from the first page")
		}
		if e.Act.N+chat.MaxActs <= head.Acts.N {
			return acts, 0, nil
		}
		acts, next = append(acts, e), e.Act.Prev
	}
	return acts, next, nil
}
