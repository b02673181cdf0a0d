package timeline

import (
	"context"
	"encoding/binary"
	"hash/fnv"

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

// Digest tells where the user's timeline and larger conversations end. Its cursor counts as given out.
func (s *Service) Digest(ctx context.Context, user chat.UserID) (Digest, error) {
	rows, err := s.rows(ctx, user)
	if err != nil {
		return Digest{}, err
	}
	items, total, err := s.survey(ctx, user, current(rows.Rows, nil))
	if err != nil {
		return Digest{}, err
	}
	_, always := divide(items, rows.Last, true)
	always = recent(always, s.cfg.Always)
	d := Digest{
		Cursor:      Cursor{Epoch: s.logs.Epoch(), Generation: s.store.Generation(), PTS: rows.Last},
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
}

// Subscriptions are the user's medium and large conversations.
func (s *Service) Subscriptions(ctx context.Context, user chat.UserID) ([]Subscription, error) {
	s.follower.settle(ctx, s.cfg.Answer)
	rows, err := s.rows(ctx, user)
	if err != nil {
		return nil, err
	}
	items, _, err := s.survey(ctx, user, current(rows.Rows, nil))
	if err != nil {
		return nil, err
	}
	var out []Subscription
	for i := range items {
		if items[i].always() {
			out = append(out, Subscription{Conversation: items[i].row.Conversation, Tier: items[i].part.Head.Tier})
		}
	}
	return out, nil
}
