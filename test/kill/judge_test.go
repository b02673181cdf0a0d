package kill_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	"connectrpc.com/connect"

	throngv1 "github.com/throng-im/throng/proto/throng/v1"
	"github.com/throng-im/throng/test/history"
)

// judge holds what the clients were told against the logs. The clients have ended, the SDK's are still connected.
func (c *chapter) judge(ctx context.Context) error {
	truth, logs, err := c.readLogs(ctx)
	if err != nil {
		return err
	}
	if err := c.level(ctx, truth); err != nil {
		return err
	}
	own := make(map[int]map[uint64]uint64) // by user: the last seq of an own message, by conversation
	for _, t := range c.terminals {
		if err := stands(t.number, t.user, t.done, logs); err != nil {
			return err
		}
		if err := inOrder(t.done); err != nil {
			return fmt.Errorf("client %d: %w", t.number, err)
		}
		for _, s := range t.streams {
			if err := s.Check(truth, false); err != nil {
				return err
			}
		}
		own[t.number] = lasts(t.done, t.read)
	}
	for _, d := range c.devices {
		if err := stands(d.number, d.user, d.sent, logs); err != nil {
			return err
		}
		if d.resets > 0 {
			return fmt.Errorf("%s was told to start over %d times: a kill loses nothing", d.stream.Device, d.resets)
		}
		if err := d.stream.Check(truth, true); err != nil {
			return err
		}
		own[d.number] = lasts(d.sent, nil)
	}
	for i, user := range c.users {
		if err := c.positions(ctx, user, own[i]); err != nil {
			return err
		}
	}
	return c.history.Check(20 * time.Second)
}

// readLogs reads every conversation from its first entry to its last: I1, and nothing stands twice (I3).
func (c *chapter) readLogs(ctx context.Context) (history.Truth, map[uint64][]*throngv1.Entry, error) {
	truth, logs := history.Truth{}, make(map[uint64][]*throngv1.Entry)
	for room, members := range c.rooms {
		api := c.server.API(c.users[members[0]])
		var ordinal uint64
		seen := make(map[string]uint64)
		for {
			from := uint64(len(logs[room])) + 1
			op := c.history.Invoke(history.Op{Kind: history.Pull, Client: -2, Conversation: room, From: from})
			resp, err := api.Messages.ListEntries(ctx, connect.NewRequest(&throngv1.ListEntriesRequest{Conversation: room, From: from, Limit: 200}))
			if err != nil {
				return nil, nil, fmt.Errorf("reading conversation %d: %w", room, err)
			}
			page := resp.Msg
			var keys []string
			for _, e := range page.GetEntries() {
				if e.GetSeq() != from+uint64(len(keys)) {
					return nil, nil, fmt.Errorf("I1: conversation %d: seq %d stands where %d should", room, e.GetSeq(), from+uint64(len(keys)))
				}
				key := keyOf(e)
				if at, twice := seen[key]; twice {
					return nil, nil, fmt.Errorf("I3: conversation %d: %q stands at %d and at %d", room, key, at, e.GetSeq())
				}
				seen[key] = e.GetSeq()
				if e.GetText() != "" {
					ordinal++
				}
				if e.GetOrdinal() != ordinal {
					return nil, nil, fmt.Errorf("I5: conversation %d: seq %d has ordinal %d, should have %d", room, e.GetSeq(), e.GetOrdinal(), ordinal)
				}
				keys = append(keys, key)
			}
			op.OK(func(o *history.Op) { o.Keys, o.Whole = keys, len(keys) == 0 })
			if len(keys) == 0 {
				if page.GetHeadSeq() != from-1 {
					return nil, nil, fmt.Errorf("I1: conversation %d: the head is %d, the log ends at %d", room, page.GetHeadSeq(), from-1)
				}
				break
			}
			truth[room] = append(truth[room], keys...)
			logs[room] = append(logs[room], page.GetEntries()...)
		}
	}
	return truth, logs, nil
}

// level waits until the SDK's applications were told everything (I14, I15).
func (c *chapter) level(ctx context.Context, truth history.Truth) error {
	ctx, cancel := context.WithTimeout(ctx, drainLimit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for _, d := range c.devices {
		for missing := d.behind(truth); missing != ""; missing = d.behind(truth) {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return fmt.Errorf("after %s of a healthy server %s; its state is %+v", drainLimit, missing, d.client.State())
			}
		}
	}
	return c.close()
}

// stands checks I2: each acknowledged message stands where it was acknowledged, as it was sent.
func stands(number int, user uint64, sent []*sending, logs map[uint64][]*throngv1.Entry) error {
	for _, s := range sent {
		log := logs[s.room]
		if s.seq == 0 || s.seq > uint64(len(log)) {
			return fmt.Errorf("I2: client %d, conversation %d: %q was acknowledged at %d, the log ends at %d", number, s.room, s.key, s.seq, len(log))
		}
		if e := log[s.seq-1]; e.GetText() != s.key || e.GetSender() != user || e.GetTimeMs() != s.timeMS {
			return fmt.Errorf("I2: client %d, conversation %d: %q was acknowledged at seq %d and time %d, there stands %q of user %d at %d",
				number, s.room, s.key, s.seq, s.timeMS, keyOf(e), e.GetSender(), e.GetTimeMs())
		}
	}
	return nil
}

// inOrder checks I4b: what one client sent in one conversation stands in the order in which it was sent. Keys are numbered.
func inOrder(sent []*sending) error {
	var firsts []*sending
	for _, s := range sent {
		if s.first == nil {
			firsts = append(firsts, s)
		}
	}
	slices.SortFunc(firsts, func(a, b *sending) int { return numberOf(a) - numberOf(b) })
	last := make(map[uint64]*sending)
	for _, s := range firsts {
		if before := last[s.room]; before != nil && before.seq >= s.seq {
			return fmt.Errorf("I4b: conversation %d: %q got seq %d, %q after it %d", s.room, before.key, before.seq, s.key, s.seq)
		}
		last[s.room] = s
	}
	return nil
}

func numberOf(s *sending) (n int) {
	var client int
	_, _ = fmt.Sscanf(s.key, "c%d-%d", &client, &n)
	return n
}

// lasts is how far a user has read at least: own messages, and what was acknowledged as read.
func lasts(sent []*sending, read map[uint64]uint64) map[uint64]uint64 {
	out := make(map[uint64]uint64)
	for room, seq := range read {
		out[room] = seq
	}
	for _, s := range sent {
		out[s.room] = max(out[s.room], s.seq)
	}
	return out
}

// positions checks I16 and I5 for one user.
func (c *chapter) positions(ctx context.Context, user uint64, atLeast map[uint64]uint64) error {
	resp, err := c.server.API(user).Conversations.ListConversations(ctx, connect.NewRequest(&throngv1.ListConversationsRequest{Limit: 200}))
	if err != nil {
		return fmt.Errorf("listing the conversations of user %d: %w", user, err)
	}
	var total uint64
	listed := make(map[uint64]bool)
	for _, cv := range resp.Msg.GetConversations() {
		listed[cv.GetId()] = true
		if cv.GetReadSeq() < atLeast[cv.GetId()] {
			return fmt.Errorf("I16: user %d, conversation %d: read up to %d, %d was acknowledged", user, cv.GetId(), cv.GetReadSeq(), atLeast[cv.GetId()])
		}
		if cv.GetUnread() != cv.GetHead().GetOrdinal()-cv.GetReadOrdinal() {
			return fmt.Errorf("I5: user %d, conversation %d: %d unread, head %d, read %d", user, cv.GetId(), cv.GetUnread(),
				cv.GetHead().GetOrdinal(), cv.GetReadOrdinal())
		}
		total += cv.GetUnread()
	}
	if resp.Msg.GetTotalUnread() != total {
		return fmt.Errorf("I5: user %d has %d unread in all, the parts sum up to %d", user, resp.Msg.GetTotalUnread(), total)
	}
	for room := range atLeast {
		if !listed[room] {
			return fmt.Errorf("I2: user %d does not see conversation %d", user, room)
		}
	}
	return nil
}
