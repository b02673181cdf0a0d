package conversation

import (
	"context"

	"github.com/throng-im/throng/internal/chat"
)

// Settle brings the bars of the direct conversation of two users to their terms, where they have one. When it returns, no later append
// passes what the terms refused when it was called.
//
// The pair's row is written before the terms are read for a new conversation ([Service.OpenDirect]), and terms change before the
// pair's row is looked for here: so of the two one sees the other.
func (s *Service) Settle(ctx context.Context, a, b chat.UserID) error {
	id, err := s.dir.Pair(ctx, min(a, b), max(a, b), 0)
	if err != nil {
		return chat.AsError(err)
	}
	if id == 0 || a == b || s.terms == nil {
		return nil
	}
	bars, err := s.bars(ctx, a, b)
	if err != nil {
		return err
	}
	if ok, err := s.begun(ctx, id); err != nil {
		return err
	} else if !ok {
		if err := s.beginDirect(ctx, id, a, b, bars); err != nil {
			return err
		}
	}
	for _, user := range []chat.UserID{a, b} {
		if err := s.bar(ctx, id, user, bars[user]); err != nil {
			return err
		}
	}
	return nil
}

// bars are those of two users in their conversation.
func (s *Service) bars(ctx context.Context, a, b chat.UserID) (map[chat.UserID]chat.Bar, error) {
	if s.terms == nil || a == b {
		return nil, nil //nolint:nilnil // nobody has one
	}
	out := make(map[chat.UserID]chat.Bar, 2)
	for _, pair := range [][2]chat.UserID{{a, b}, {b, a}} {
		bar, err := s.terms.Bar(ctx, pair[0], pair[1])
		if err != nil {
			return nil, chat.AsError(err)
		}
		out[pair[0]] = bar
	}
	return out, nil
}

// taken refuses to begin a conversation with somebody who takes no messages of the actor. Of a block it says nothing.
func (s *Service) taken(ctx context.Context, actor, peer chat.UserID) error {
	if s.terms == nil || actor == peer {
		return nil
	}
	bar, err := s.terms.Bar(ctx, actor, peer)
	if err != nil {
		return chat.AsError(err)
	}
	if bar.Gate == chat.GateOpen {
		return nil
	}
	return bar.Refusal()
}

// reopen looks again at what keeps the actor from writing, where that is what others do who are in a group with the peer.
func (s *Service) reopen(ctx context.Context, id chat.ConversationID, actor, peer chat.UserID) error {
	if s.terms == nil || actor == peer {
		return nil
	}
	m, err := s.dir.Member(ctx, id, actor)
	if err != nil {
		return chat.AsError(err)
	}
	if m.Bar.Gate != chat.GateCommon {
		return nil
	}
	return s.Settle(ctx, actor, peer)
}

// again looks at the terms once more when a conversation has begun: whoever changed them meanwhile may have looked for the conversation
// before it was there.
func (s *Service) again(ctx context.Context, id chat.ConversationID, a, b chat.UserID, had map[chat.UserID]chat.Bar) error {
	bars, err := s.bars(ctx, a, b)
	if err != nil {
		return err
	}
	for user, bar := range bars {
		if bar == had[user] {
			continue
		}
		if err := s.bar(ctx, id, user, bar); err != nil {
			return err
		}
	}
	return nil
}

// bar has a member's bar be one, unless there is a newer one.
func (s *Service) bar(ctx context.Context, id chat.ConversationID, user chat.UserID, bar chat.Bar) error {
	m, err := s.dir.Member(ctx, id, user)
	if err != nil {
		return chat.AsError(err)
	}
	if m.Bar == bar {
		return nil
	}
	_, err = s.log.Append(ctx, &chat.Draft{Conversation: id, Sender: user, Bars: map[chat.UserID]chat.Bar{user: bar}})
	return err //nolint:wrapcheck // a refusal is the answer
}

// beginDirect begins a conversation under the id of its pair.
func (s *Service) beginDirect(ctx context.Context, id chat.ConversationID, actor, peer chat.UserID, bars map[chat.UserID]chat.Bar) error {
	members := []chat.UserID{min(actor, peer), max(actor, peer)}
	if actor == peer {
		members = members[:1]
	}
	return s.begin(ctx, &chat.Draft{
		Conversation: id, Sender: actor, Bars: bars, Body: chat.Created{Kind: chat.KindDirect, Members: members},
	})
}
