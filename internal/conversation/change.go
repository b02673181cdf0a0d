package conversation

import (
	"context"

	"github.com/throng-im/throng/internal/chat"
)

// SetTier gives a group a tier whatever its size; 0 lets it go by size again. It is for the administrators of the server, who
// need not be members.
func (s *Service) SetTier(ctx context.Context, id chat.ConversationID, tier chat.Tier) (chat.Result, error) {
	if tier > chat.TierLarge {
		return chat.Result{}, invalid("a tier is small, medium or large")
	}
	return s.append(ctx, 0, id, chat.Changed{Tier: &tier})
}

// Head returns the end of a conversation's log as administrators of the server see it.
func (s *Service) Head(ctx context.Context, id chat.ConversationID) (chat.Head, error) {
	if err := checkID(uint64(id), "conversation"); err != nil {
		return chat.Head{}, err
	}
	heads, err := s.heads.Heads(ctx, []chat.ConversationID{id})
	if err != nil {
		return chat.Head{}, chat.AsError(err)
	}
	if len(heads) != 1 || !heads[0].Exists() {
		return chat.Head{}, notFound()
	}
	return heads[0], nil
}

// Enter is Join of somebody for whom an invitation stands: the group need not be open, and asks for no password.
func (s *Service) Enter(ctx context.Context, actor chat.UserID, id chat.ConversationID) (chat.Result, error) {
	if err := checkID(uint64(actor), "user"); err != nil {
		return chat.Result{}, err
	}
	if err := s.room(ctx, actor); err != nil {
		return chat.Result{}, err
	}
	r, err := s.log.Append(ctx, &chat.Draft{
		Conversation: id, Sender: actor, Invited: true, Body: chat.MembersChanged{Action: chat.MemberJoined, Users: []chat.UserID{actor}},
	})
	if err != nil {
		return chat.Result{}, chat.AsError(err)
	}
	return r, nil
}

// AddMembers takes users in, as one entry; at most chat.MaxMembersAtOnce at a time. Repeats and who is a member already are
// passed over: Result.Count says how many came. Role 0 is a plain member.
func (s *Service) AddMembers(
	ctx context.Context, actor chat.UserID, id chat.ConversationID, users []chat.UserID, role chat.Role,
) (chat.Result, error) {
	if role == 0 {
		role = chat.RoleMember
	}
	if err := checkGivenRole(role); err != nil {
		return chat.Result{}, err
	}
	if len(users) > chat.MaxMembersAtOnce {
		return chat.Result{}, tooMany()
	}
	users, err := distinct(users)
	if err != nil {
		return chat.Result{}, err
	}
	// The rule that an actor must be an admin stands in the append; asking for users before that would tell strangers who
	// exists, so the membership is looked at first.
	if err := s.inside(ctx, actor, id); err != nil {
		return chat.Result{}, err
	}
	if err := s.newcomers(ctx, users); err != nil {
		return chat.Result{}, err
	}
	return s.append(ctx, actor, id, chat.MembersChanged{Action: chat.MemberAdded, Users: users, Role: role})
}

// inside refuses actors that are not members, as if there were no such conversation.
func (s *Service) inside(ctx context.Context, actor chat.UserID, id chat.ConversationID) error {
	if err := checkID(uint64(id), "conversation"); err != nil || actor == 0 {
		return err
	}
	m, err := s.dir.Member(ctx, id, actor)
	if err != nil {
		return chat.AsError(err)
	}
	if !m.Current() {
		return notFound()
	}
	return nil
}

// Remove takes a user out, and says why where there is a reason. Who removes themselves leaves.
func (s *Service) Remove(ctx context.Context, actor chat.UserID, id chat.ConversationID, user chat.UserID, reason string) (chat.Result, error) {
	if err := checkID(uint64(user), "user"); err != nil {
		return chat.Result{}, err
	}
	if user == actor {
		return s.Leave(ctx, actor, id)
	}
	if err := checkText(reason, "reason", chat.MaxActReason, true); err != nil {
		return chat.Result{}, err
	}
	return s.append(ctx, actor, id, chat.MembersChanged{Action: chat.MemberRemoved, Users: []chat.UserID{user}, Reason: reason})
}

// Leave ends the actor's own membership. An owner transfers or dissolves first.
func (s *Service) Leave(ctx context.Context, actor chat.UserID, id chat.ConversationID) (chat.Result, error) {
	if err := checkID(uint64(actor), "user"); err != nil {
		return chat.Result{}, err
	}
	return s.append(ctx, actor, id, chat.MembersChanged{Action: chat.MemberLeft, Users: []chat.UserID{actor}})
}

// SetRole makes a member an admin, or an admin a member.
func (s *Service) SetRole(
	ctx context.Context, actor chat.UserID, id chat.ConversationID, user chat.UserID, role chat.Role,
) (chat.Result, error) {
	if err := checkID(uint64(user), "user"); err != nil {
		return chat.Result{}, err
	}
	if err := checkGivenRole(role); err != nil {
		return chat.Result{}, err
	}
	return s.append(ctx, actor, id, chat.MembersChanged{Action: chat.MemberRole, Users: []chat.UserID{user}, Role: role})
}

// Transfer gives the group to another member; the owner becomes an admin.
func (s *Service) Transfer(ctx context.Context, actor chat.UserID, id chat.ConversationID, user chat.UserID) (chat.Result, error) {
	if err := checkID(uint64(user), "user"); err != nil {
		return chat.Result{}, err
	}
	return s.append(ctx, actor, id, chat.MembersChanged{Action: chat.MemberTransferred, Users: []chat.UserID{user}})
}

// Mute keeps a member from sending until a time, in milliseconds since 1970; 0 ends it.
func (s *Service) Mute(
	ctx context.Context, actor chat.UserID, id chat.ConversationID, user chat.UserID, untilMS uint64, reason string,
) (chat.Result, error) {
	if err := checkID(uint64(user), "user"); err != nil {
		return chat.Result{}, err
	}
	if untilMS > chat.MaxID {
		return chat.Result{}, invalid("until is a time in milliseconds since 1970, at most %d", uint64(chat.MaxID))
	}
	if err := checkText(reason, "reason", chat.MaxActReason, true); err != nil {
		return chat.Result{}, err
	}
	return s.append(ctx, actor, id, chat.MembersChanged{Action: chat.MemberMuted, Users: []chat.UserID{user}, UntilMS: untilMS, Reason: reason})
}

// Dissolve ends a group. The owner may.
func (s *Service) Dissolve(ctx context.Context, actor chat.UserID, id chat.ConversationID) (chat.Result, error) {
	return s.append(ctx, actor, id, chat.Dissolved{})
}
