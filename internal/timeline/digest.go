package timeline

import (
	"context"
	"encoding/binary"
	"hash/fnv"
	"slices"

	"github.com/throng-im/throng/internal/chat"
)

// Digest is what a heartbeat's answer carries: with it a device finds that it has missed something, be it the last entry
// of a quiet conversation.
type Digest struct {
	// Cursor is the end of the user's timeline: beyond the device's own there is something to sync.
	Cursor Cursor
	// Heads of the user's medium and large conversations, the most recently active first.
	Heads []chat.Head
	// Hash of the heads: equal hashes, equal heads. Never 0.
	Hash        uint64
	TotalUnread uint64
}

// Digest tells where the user's timeline and larger conversations end. Its cursor counts as given out. It costs one look at the
// timeline's end and one at each larger conversation, in memory where they are known; what changed in small ones since the
// last digest is read once.
func (s *Service) Digest(ctx context.Context, user chat.UserID) (Digest, error) {
	b, err := s.brief(ctx, user)
	if err != nil {
		return Digest{}, err
	}
	always, total, err := s.larger(ctx, user, b.larger)
	if err != nil {
		return Digest{}, err
	}
	for _, p := range b.unread {
		total += p.unread
	}
	always = recent(always, s.cfg.Always)
	d := Digest{
		Cursor:      Cursor{Epoch: s.logs.Epoch(), Generation: b.end.Generation, PTS: b.end.Last},
		Heads:       make([]chat.Head, len(always)),
		TotalUnread: total,
	}
	for i := range always {
		d.Heads[i] = always[i].view.Head
	}
	if !digesting {
		d.Heads, d.Cursor.PTS = nil, 0
	}
	d.Hash = hashHeads(d.Heads)
	return d, nil
}

// larger looks at conversations above the small tier, and tallies them.
func (s *Service) larger(ctx context.Context, user chat.UserID, lines []line) ([]*item, uint64, error) {
	if len(lines) == 0 {
		return nil, 0, nil
	}
	ids, rows := make([]chat.ConversationID, len(lines)), make([]Row, len(lines))
	for i, p := range lines {
		ids[i], rows[i] = p.conversation, Row{Conversation: p.conversation, Settings: Settings{Settings: chat.Settings{Muted: p.muted}}}
	}
	parts, err := s.crowds.Parts(ctx, user, ids)
	if err != nil {
		return nil, 0, chat.AsError(err)
	}
	items, total := tally(rows, parts)
	return slices.DeleteFunc(items, func(it *item) bool { return !it.always() }), total, nil
}

func hashHeads(heads []chat.Head) uint64 {
	h := fnv.New64a()
	var b [24]byte
	for _, head := range heads {
		binary.BigEndian.PutUint64(b[0:], uint64(head.Conversation))
		binary.BigEndian.PutUint64(b[8:], uint64(head.Seq))
		binary.BigEndian.PutUint64(b[16:], uint64(head.Tier))
		_, _ = h.Write(b[:]) // a hash takes everything
	}
	return max(h.Sum64(), 1)
}

// Subscription is a conversation that a session takes part in by group route.
type Subscription struct {
	Conversation chat.ConversationID
	Tier         chat.Tier
	// From is the seq with which the user's membership began.
	From chat.Seq
	// MemberSeq is the seq of the last member change, as of the moment of which From is.
	MemberSeq chat.Seq
}

// Subscriptions are the user's medium and large conversations: those that the timeline lists and of which the user is a member by the log's
// own truth, as of a moment not before the call.
func (s *Service) Subscriptions(ctx context.Context, user chat.UserID) ([]Subscription, error) {
	s.settle(ctx)
	if err := checkUser(user); err != nil {
		return nil, err
	}
	ids, err := s.store.Memberships(ctx, user)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	parts, err := s.logs.Parts(ctx, user, ids)
	if err != nil {
		return nil, chat.AsError(err)
	}
	var out []Subscription
	for i, p := range parts {
		if p.Head.Exists() && p.Head.Tier > chat.TierSmall && p.Member.Current() {
			out = append(out, Subscription{
				Conversation: ids[i], Tier: p.Head.Tier, From: p.Member.Began(), MemberSeq: p.Head.MemberSeq,
			})
		}
	}
	return out, nil
}

// Heads returns how far conversations have got of which the user is a member, by the log's own truth, as of a moment not before the call.
// What is not the user's is left out, be it there or not.
func (s *Service) Heads(ctx context.Context, user chat.UserID, ids []chat.ConversationID) ([]chat.Head, error) {
	parts, err := s.logs.Parts(ctx, user, ids)
	if err != nil {
		return nil, chat.AsError(err)
	}
	out := make([]chat.Head, 0, len(parts))
	for _, p := range parts {
		if p.Head.Exists() && p.Member.Current() {
			out = append(out, p.Head)
		}
	}
	return out, nil
}
