package app

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/conversation"
	"github.com/throng-im/throng/internal/fanout"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/queue"
	"github.com/throng-im/throng/internal/timeline"
)

// The parts do not know each other: each says what it needs in its own words. What is here says the same in another's.

// groups are what links lead into.
type groups struct {
	conversation.Directory

	service *conversation.Service
}

// Head implements invite.Groups.
func (g groups) Head(ctx context.Context, id chat.ConversationID) (chat.Head, error) {
	return g.service.Head(ctx, id) //nolint:wrapcheck // it says what it was about
}

// Enter implements invite.Groups.
func (g groups) Enter(ctx context.Context, actor chat.UserID, id chat.ConversationID) (chat.Result, error) {
	return g.service.Enter(ctx, actor, id) //nolint:wrapcheck // a refusal is the answer
}

// deliveredSettings tell a user's other devices of settings that changed.
type deliveredSettings struct {
	*timeline.Service

	fanout *fanout.Fanout
}

// Settings implements api.Timelines.
func (d deliveredSettings) Settings(ctx context.Context, user chat.UserID, id chat.ConversationID, p timeline.SettingsPatch) (chat.Settings, error) {
	s, err := d.Service.Settings(ctx, user, id, p)
	if err != nil {
		return s, err
	}
	// The change is stored: where this delivery is lost, the next sync shows it.
	_ = d.fanout.Settings(ctx, user, 0, id, s)
	return s, nil
}

// Touch implements api.Timelines.
func (d deliveredSettings) Touch(ctx context.Context, user chat.UserID, id chat.ConversationID) (chat.Settings, error) {
	s, err := d.Service.Touch(ctx, user, id)
	if err != nil {
		return s, err
	}
	_ = d.fanout.Settings(ctx, user, 0, id, s) // as above
	return s, nil
}

// streamEvents feed a timelines' follower from a stream that was given to this node. Other groups follow it too, so what is old is let
// go of by the queue itself.
type streamEvents struct {
	queue.Stream

	log *slog.Logger
}

// Follow implements timeline.Events. Timelines keep their positions beside their rows, where they outlive the events: those behind one
// may have been dropped, or the queue may have lost its end, or have other events in their place by now. The group's own position tells: it is
// never far behind the timelines' one, and where it is before that, what is between comes again, which changes nothing.
func (s streamEvents) Follow(
	ctx context.Context, from chat.Position, handle func(ctx context.Context, events []chat.Event, pos chat.Position) error,
) error {
	batch := func(ctx context.Context, b queue.Batch) error { return handle(ctx, b.Events, b.Position) }
	at, err := s.Position(ctx)
	if err != nil {
		return err
	}
	gone := func(err error) {
		s.log.Error("THE EVENTS BEHIND THE TIMELINES' POSITION ARE GONE, they go on with what there is",
			"stream", s.Number(), "position", uint64(from), "from", uint64(at), "error", err)
	}
	if tail := s.Tail(); at <= tail && tail < from {
		gone(fmt.Errorf("the last event is at %d", tail))
	}
	err = s.Stream.Follow(ctx, min(from, at), batch)
	if err == nil || chat.AsError(err).Code != chat.CodeGone || from >= at {
		return err
	}
	gone(err)
	return s.Stream.Follow(ctx, at, batch)
}

// Trim implements timeline.Events: it tells the queue how far this group has come.
func (s streamEvents) Trim(ctx context.Context, upTo chat.Position) error { return s.Commit(ctx, upTo) }

// single reads one entry of a log as the server sees it.
type single struct{ messages *message.Service }

// Entry implements conversation.Entries.
func (s single) Entry(ctx context.Context, id chat.ConversationID, seq chat.Seq) (chat.Entry, error) {
	p, err := s.messages.Range(ctx, message.RangeQuery{Conversation: id, From: seq, To: seq, Limit: 1})
	if err != nil {
		return chat.Entry{}, err
	}
	if len(p.Entries) == 0 {
		return chat.Entry{}, chat.Errorf(chat.CodeNotFound, chat.ReasonMessageNotFound, "there is no such entry")
	}
	return p.Entries[0], nil
}

// crowds answer digests from the ring of recent entries.
type crowds struct{ messages *message.Service }

// Parts implements timeline.Crowds.
func (c crowds) Parts(ctx context.Context, user chat.UserID, ids []chat.ConversationID) ([]timeline.Part, error) {
	all, err := c.messages.Standings(ctx, user, ids)
	if err != nil {
		return nil, err
	}
	out := make([]timeline.Part, len(all))
	for i, s := range all {
		out[i] = timeline.Part{Head: s.Head, Member: s.Part.Member, Read: s.Part.Read}
	}
	return out, nil
}

// past is what a user left behind.
type past struct {
	messages *message.Service
	rows     timeline.Store
}

// Conversations implements api.Past.
func (p past) Conversations(ctx context.Context, user chat.UserID) ([]chat.ConversationID, error) {
	rows, err := p.rows.Rows(ctx, user)
	if err != nil {
		return nil, err
	}
	out := make([]chat.ConversationID, len(rows.Rows))
	for i := range rows.Rows {
		out[i] = rows.Rows[i].Conversation
	}
	return out, nil
}

// Tombstone implements api.Past.
func (p past) Tombstone(ctx context.Context, id chat.ConversationID, span chat.Span, sender chat.UserID, why chat.TombstoneReason) (int, error) {
	return p.messages.Tombstone(ctx, id, span, sender, why)
}
