package disk_test

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/store/pebble"
	"github.com/throng-im/throng/internal/store/pebble/check"
)

// verify opens a disk and holds everything on it against the facts; then it lets the store's own check look.
func (f *facts) verify(fs *vfs.MemFS) error {
	s, err := pebble.Open("data", options(fs))
	if err != nil {
		return fmt.Errorf("opening: %w", err)
	}
	err = f.stand(s)
	if closing := s.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return err
	}
	var told []string
	report, err := check.Run(context.Background(), "data", check.Options{FS: fs, Tell: func(t string) { told = append(told, t) }})
	if err != nil {
		return fmt.Errorf("checking: %w", err)
	}
	// A timeline row of the script is no follower's, so it may speak of somebody who has left.
	for _, t := range told {
		if !strings.Contains(t, "timeline") {
			return fmt.Errorf("the check found (%d): %s", report.Damage, t)
		}
	}
	return nil
}

func (f *facts) stand(s *pebble.Store) error {
	logs := make(map[chat.ConversationID][]chat.Entry)
	for id := chat.ConversationID(1); id <= rooms; id++ {
		log, err := f.contiguous(s, id)
		if err != nil {
			return fmt.Errorf("conversation %d: %w", id, err)
		}
		logs[id] = log
		if len(log) == 0 && int(id) <= f.rooms {
			return fmt.Errorf("I2: conversation %d was acknowledged and is not there", id)
		}
	}
	for _, k := range f.sends {
		log := logs[k.draft.Conversation]
		if uint64(k.result.Seq) > uint64(len(log)) {
			return fmt.Errorf("I2: conversation %d: seq %d was acknowledged, the log ends at %d", k.draft.Conversation, k.result.Seq, len(log))
		}
		if err := f.same(k, &log[k.result.Seq-1]); err != nil {
			return err
		}
	}
	if err := f.positions(s, logs); err != nil {
		return err
	}
	if err := f.people(s); err != nil {
		return err
	}
	return f.repeats(s)
}

// same checks that an entry is what was acknowledged, or its tombstone.
func (f *facts) same(k sent, e *chat.Entry) error {
	_, gone := e.Body.(chat.Tombstone)
	must, may := f.buried[place{e.Conversation, e.Seq}]
	if gone && !may || !gone && must || e.Sender != k.draft.Sender || e.TimeMS != k.result.TimeMS || e.Ordinal != k.result.Ordinal ||
		!gone && !reflect.DeepEqual(e.Body, k.draft.Body) {
		return fmt.Errorf("I2: conversation %d, seq %d: acknowledged was %v by %d at %d (%d), there stands %v by %d at %d (%d)", e.Conversation, e.Seq,
			k.draft.Body, k.draft.Sender, k.result.TimeMS, k.result.Ordinal, e.Body, e.Sender, e.TimeMS, e.Ordinal)
	}
	return nil
}

// contiguous checks I1, I3 and I5 of one log.
func (f *facts) contiguous(s *pebble.Store, id chat.ConversationID) ([]chat.Entry, error) {
	ctx := context.Background()
	var log []chat.Entry
	for {
		page, err := s.Range(ctx, message.Range{Conversation: id, From: chat.Seq(len(log) + 1), Limit: chat.MaxRangeEntries})
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
		_, gone := e.Body.(chat.Tombstone)
		if chat.Countable(e.Body) || gone {
			ordinal++
		}
		if e.Seq != chat.Seq(i+1) || e.Ordinal != ordinal {
			return nil, fmt.Errorf("I1, I5: seq %d (%d) stands where %d (%d) should", e.Seq, e.Ordinal, i+1, ordinal)
		}
		if first, twice := seen[e.ClientID]; twice && !e.ClientID.IsZero() {
			return nil, fmt.Errorf("I3: seqs %d and %d are one send", first, e.Seq)
		}
		seen[e.ClientID] = e.Seq
		if text, ok := e.Body.(chat.Text); ok && f.denied[text.Text] {
			return nil, fmt.Errorf("seq %d was refused: %q", e.Seq, text.Text)
		}
	}
	heads, err := s.Heads(ctx, []chat.ConversationID{id})
	if err != nil {
		return nil, fmt.Errorf("reading the head: %w", err)
	}
	if heads[0].Seq != chat.Seq(len(log)) || heads[0].Ordinal != ordinal {
		return nil, fmt.Errorf("I1: the head says %d (%d), the log ends at %d (%d)", heads[0].Seq, heads[0].Ordinal, len(log), ordinal)
	}
	return log, nil
}

// positions checks who is a member (I6) and what they have read (I16, I5).
func (f *facts) positions(s *pebble.Store, logs map[chat.ConversationID][]chat.Entry) error {
	ctx := context.Background()
	t, err := s.Timelines()
	if err != nil {
		return err
	}
	for id, log := range logs {
		for user := chat.UserID(1); user <= people; user++ {
			p := pair{id, user}
			m, err := s.Member(ctx, id, user)
			if err != nil && chat.AsError(err).Code != chat.CodeNotFound {
				return err
			}
			if !f.member[p].allows(m.Current()) {
				return fmt.Errorf("I6: conversation %d, user %d: member %v, acknowledged was %+v", id, user, m.Current(), f.member[p])
			}
			read, err := s.Read(ctx, id, user)
			if err != nil && chat.AsError(err).Code != chat.CodeNotFound {
				return err
			}
			if read.Seq < f.reads[p] || uint64(read.Seq) > uint64(len(log)) || read.Seq > 0 && read.Ordinal != log[read.Seq-1].Ordinal {
				return fmt.Errorf("I16: conversation %d, user %d: read %+v, acknowledged was %d, the log ends at %d", id, user, read, f.reads[p], len(log))
			}
			row, ok, err := t.Row(ctx, user, id)
			if err != nil {
				return err
			}
			if pts, told := f.rows[p]; told && (!ok || row.PTS < pts) {
				return fmt.Errorf("TML-3: conversation %d, user %d: pts %d was told, now it is %d", id, user, pts, row.PTS)
			}
			if !f.muted[p].allows(row.Settings.Muted) {
				return fmt.Errorf("TML-5: conversation %d, user %d: muted %v, acknowledged was %+v", id, user, row.Settings.Muted, f.muted[p])
			}
		}
	}
	return nil
}

// people checks accounts and devices (ACC-1), and that ids are not given again (ACC-2, I12).
func (f *facts) people(s *pebble.Store) error {
	ctx, accounts := context.Background(), s.Accounts()
	for id, name := range f.names {
		got, err := accounts.Accounts(ctx, []chat.UserID{id})
		if err != nil {
			return err
		}
		if got[0].ID != id || !name.allows(got[0].Name) {
			return fmt.Errorf("ACC-1: user %d is called %q, acknowledged was %+v", id, got[0].Name, name)
		}
	}
	for id, user := range f.devices {
		if _, err := accounts.Device(ctx, user, id); err != nil {
			return fmt.Errorf("ACC-1: device %d: %w", id, err)
		}
	}
	next, err := s.Reserve(ctx, 1)
	if err != nil {
		return err
	}
	if next < f.reserved {
		return fmt.Errorf("I12: conversation id %d is given out again, all below %d were", next, f.reserved)
	}
	return nil
}

// repeats checks I3: what was acknowledged is answered the same way again.
func (f *facts) repeats(s *pebble.Store) error {
	ctx := context.Background()
	recent := f.sends[max(0, len(f.sends)-50):]
	for _, k := range recent {
		a, err := s.Append(ctx, []*chat.Draft{k.draft})
		if err != nil {
			return fmt.Errorf("repeating: %w", err)
		}
		if r := a.Results()[0]; !r.Repeat || r.Seq != k.result.Seq || r.TimeMS != k.result.TimeMS {
			return fmt.Errorf("I3: a repeat is answered with %+v, the first send with %+v", r, k.result)
		}
	}
	return nil
}
