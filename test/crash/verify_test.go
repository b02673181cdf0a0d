package crash_test

import (
	"context"
	"fmt"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/store/pebble"
)

// verify opens what a power cut left and checks it against what was acknowledged. repeat also repeats sends on it, which
// changes it only where one of them was lost.
func (c cut) verify(repeat bool) error {
	store, err := pebble.Open("data", options(c.fs))
	if err != nil {
		return fmt.Errorf("opening: %w", err)
	}
	defer func() { _ = store.Close() }()
	logs := make(map[chat.ConversationID][]chat.Entry)
	for id := chat.ConversationID(1); ; id++ {
		log, err := c.contiguous(store, id)
		if err != nil {
			return fmt.Errorf("conversation %d: %w", id, err)
		}
		if len(log) == 0 {
			break
		}
		logs[id] = log
	}
	if len(logs) < c.history.convs {
		return fmt.Errorf("I2: %d conversations were acknowledged, %d stand", c.history.convs, len(logs))
	}
	for _, s := range c.history.sends {
		if err := stands(s, logs[s.draft.Conversation]); err != nil {
			return err
		}
	}
	if err := c.reads(store, logs); err != nil {
		return err
	}
	if repeat {
		return c.repeats(store)
	}
	return nil
}

// contiguous reads a log and checks I1, and that nothing in it stands twice or was refused (I3).
func (c cut) contiguous(store *pebble.Store, id chat.ConversationID) ([]chat.Entry, error) {
	ctx := context.Background()
	var log []chat.Entry
	for {
		page, err := store.Range(ctx, message.Range{Conversation: id, From: chat.Seq(len(log) + 1), Limit: chat.MaxRangeEntries})
		if err != nil {
			return nil, fmt.Errorf("reading: %w", err)
		}
		if len(page) == 0 {
			break
		}
		log = append(log, page...)
	}
	var ordinal chat.Ordinal
	seen := make(map[chat.ClientID]chat.Seq)
	for i, e := range log {
		if e.Seq != chat.Seq(i+1) {
			return nil, fmt.Errorf("I1: seq %d stands where %d should", e.Seq, i+1)
		}
		if chat.Countable(e.Body) {
			ordinal++
		}
		if e.Ordinal != ordinal {
			return nil, fmt.Errorf("I5: ordinal of seq %d is %d, should be %d", e.Seq, e.Ordinal, ordinal)
		}
		if first, twice := seen[e.ClientID]; twice && !e.ClientID.IsZero() {
			return nil, fmt.Errorf("I3: seqs %d and %d are the same send", first, e.Seq)
		}
		seen[e.ClientID] = e.Seq
		if text, ok := e.Body.(chat.Text); ok {
			if _, refused := c.history.denied[text.Text]; refused {
				return nil, fmt.Errorf("seq %d was refused: %q", e.Seq, text.Text)
			}
		}
	}
	heads, err := store.Heads(ctx, []chat.ConversationID{id})
	if err != nil {
		return nil, fmt.Errorf("reading the head: %w", err)
	}
	if heads[0].Seq != chat.Seq(len(log)) || heads[0].Ordinal != ordinal {
		return nil, fmt.Errorf("I1: the head says %d (%d), the log ends at %d (%d)", heads[0].Seq, heads[0].Ordinal, len(log), ordinal)
	}
	current, err := store.Members(ctx, id, 0, members+1, 0)
	if err != nil {
		return nil, fmt.Errorf("reading members: %w", err)
	}
	if len(current) != int(heads[0].Members) {
		return nil, fmt.Errorf("I6: the head says %d members, there are %d", heads[0].Members, len(current))
	}
	return log, nil
}

// stands checks I2 for one acknowledged send.
func stands(s send, log []chat.Entry) error {
	if uint64(len(log)) < uint64(s.result.Seq) {
		return fmt.Errorf("I2: conversation %d: seq %d was acknowledged, the log ends at %d", s.draft.Conversation, s.result.Seq, len(log))
	}
	e := log[s.result.Seq-1]
	if e.Sender != s.draft.Sender || e.ClientID != s.draft.ClientID || e.TimeMS != s.result.TimeMS || e.Body != s.draft.Body {
		return fmt.Errorf("I2: conversation %d: seq %d was acknowledged as %v, now it is %v", s.draft.Conversation, s.result.Seq, s.draft.Body, e.Body)
	}
	return nil
}

// reads checks I16 and I5: positions that were acknowledged stand, and lie within the log.
func (c cut) reads(store *pebble.Store, logs map[chat.ConversationID][]chat.Entry) error {
	type reader struct {
		conversation chat.ConversationID
		user         chat.UserID
	}
	acked := make(map[reader]chat.Seq)
	for _, m := range c.history.marks {
		r := reader{m.conversation, m.user}
		acked[r] = max(acked[r], m.read.Seq)
	}
	for id, log := range logs {
		for user := chat.UserID(1); user <= members; user++ {
			read, err := store.Read(context.Background(), id, user)
			if err != nil {
				return fmt.Errorf("reading a position: %w", err)
			}
			switch {
			case read.Seq < acked[reader{id, user}]:
				return fmt.Errorf("I16: conversation %d, user %d: %d was acknowledged as read, now it is %d", id, user, acked[reader{id, user}], read.Seq)
			case uint64(read.Seq) > uint64(len(log)):
				return fmt.Errorf("I16: conversation %d, user %d has read %d, the log ends at %d", id, user, read.Seq, len(log))
			case read.Seq > 0 && read.Ordinal != log[read.Seq-1].Ordinal:
				return fmt.Errorf("I5: conversation %d, user %d: ordinal %d at seq %d", id, user, read.Ordinal, read.Seq)
			}
		}
	}
	return nil
}

// repeats checks I3: acknowledged sends get the same answer again.
func (c cut) repeats(store *pebble.Store) error {
	sends := c.history.sends
	for _, s := range sends[max(0, len(sends)-200):] {
		a, err := store.Append(context.Background(), []*chat.Draft{s.draft})
		if err != nil {
			return fmt.Errorf("repeating: %w", err)
		}
		if err := a.Wait(context.Background()); err != nil {
			return fmt.Errorf("repeating: %w", err)
		}
		r := a.Results()[0]
		if !r.Repeat || r.Seq != s.result.Seq || r.TimeMS != s.result.TimeMS || r.Ordinal != s.result.Ordinal {
			return fmt.Errorf("I3: a repeat was answered with %+v, the first send with %+v", r, s.result)
		}
	}
	return nil
}
