package conversation

import (
	"context"

	"github.com/throng-im/throng/internal/chat"
)

// OpenDirect finds the direct conversation of two users, or makes it. The peer may be the actor: such a conversation has
// one member.
func (s *Service) OpenDirect(ctx context.Context, actor, peer chat.UserID) (chat.ConversationID, error) {
	if err := checkID(uint64(actor), "user"); err != nil {
		return 0, err
	}
	if err := checkID(uint64(peer), "user"); err != nil {
		return 0, err
	}
	low, high := min(actor, peer), max(actor, peer)
	id, err := s.dir.Pair(ctx, low, high, 0)
	if err != nil {
		return 0, chat.AsError(err)
	}
	if id != 0 {
		if ok, err := s.begun(ctx, id); err != nil {
			return 0, err
		} else if ok {
			return id, s.reopen(ctx, id, actor, peer)
		}
	}
	if err := s.taken(ctx, actor, peer); err != nil {
		return 0, err
	}
	if id == 0 {
		if id, err = s.pair(ctx, peer, low, high); err != nil {
			return 0, err
		}
	}
	bars, err := s.bars(ctx, actor, peer)
	if err != nil {
		return 0, err
	}
	if err := s.beginDirect(ctx, id, actor, peer, bars); err != nil {
		return 0, err
	}
	return id, s.again(ctx, id, actor, peer, bars)
}

// pair writes the row that decides which conversation the two have. A peer that is gone keeps what there is already,
// so it is looked up only here.
func (s *Service) pair(ctx context.Context, peer, low, high chat.UserID) (chat.ConversationID, error) {
	if err := s.exist(ctx, []chat.UserID{peer}); err != nil {
		return 0, err
	}
	if err := s.room(ctx, low, high); err != nil {
		return 0, err
	}
	id, err := s.fresh(ctx)
	if err != nil {
		return 0, err
	}
	id, err = s.dir.Pair(ctx, low, high, id)
	if err != nil {
		return 0, chat.AsError(err)
	}
	return id, nil
}

// NewGroup is a group that is to begin.
type NewGroup struct {
	// ClientID makes the call repeatable: the same one of the same actor gives the same group.
	ClientID    chat.ClientID
	Name        string
	Avatar      string
	Description string
	Open        bool
	// Members besides the actor, at most chat.MaxMembersAtOnce; repeats and the actor are passed over. With an actor of 0 the
	// first of them is the owner.
	Members []chat.UserID
}

// CreateGroup makes a group; the actor is its owner.
func (s *Service) CreateGroup(ctx context.Context, actor chat.UserID, g NewGroup) (chat.ConversationID, error) {
	members, err := g.check(actor)
	if err != nil {
		return 0, err
	}
	id, err := s.dir.Claim(ctx, actor, g.ClientID, 0)
	if err != nil {
		return 0, chat.AsError(err)
	}
	// A repeat is for the log to answer, or to refuse where it asks for another group; that a member is gone by now
	// does not change the answer.
	again := false
	if id != 0 {
		if again, err = s.begun(ctx, id); err != nil {
			return 0, err
		}
	}
	if !again {
		if err := s.newcomers(ctx, members); err != nil {
			return 0, err
		}
	}
	if id == 0 {
		if id, err = s.claim(ctx, actor, g.ClientID); err != nil {
			return 0, err
		}
	}
	return id, s.begin(ctx, &chat.Draft{Conversation: id, Sender: actor, Body: chat.Created{
		Kind: chat.KindGroup, Name: g.Name, Avatar: g.Avatar, Description: g.Description, Open: g.Open, Members: members,
	}})
}

// claim writes the row that decides which group the client id stands for.
func (s *Service) claim(ctx context.Context, actor chat.UserID, client chat.ClientID) (chat.ConversationID, error) {
	id, err := s.fresh(ctx)
	if err != nil {
		return 0, err
	}
	if id, err = s.dir.Claim(ctx, actor, client, id); err != nil {
		return 0, chat.AsError(err)
	}
	return id, nil
}

// check returns the members without repeats, the owner first.
func (g NewGroup) check(actor chat.UserID) ([]chat.UserID, error) {
	if g.ClientID.IsZero() {
		return nil, chat.Errorf(chat.CodeInvalid, chat.ReasonClientIDInvalid, "a group needs a client id, a UUID of 16 bytes")
	}
	c := chat.Changed{Name: &g.Name, Avatar: &g.Avatar, Description: &g.Description}
	if err := checkChanged(c); err != nil {
		return nil, err
	}
	users := g.Members
	if actor != 0 {
		if err := checkID(uint64(actor), "user"); err != nil {
			return nil, err
		}
		users = append([]chat.UserID{actor}, users...)
	}
	if len(g.Members) > chat.MaxMembersAtOnce {
		return nil, tooMany()
	}
	return distinct(users)
}
