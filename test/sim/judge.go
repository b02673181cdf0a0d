package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/client"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/store/pebble"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
	"github.com/throng-im/throng/test/history"
)

// heal ends all trouble and waits until every device is level with the log.
func (w *World) heal() error {
	w.step("healing")
	w.node.skew.Store(0)
	for _, d := range w.devices {
		d.link.SetDown(false)
		d.link.SetLatency(0, 0)
	}
	deadline := time.Now().Add(healingIn)
	var behind error
	for time.Now().Before(deadline) {
		time.Sleep(time.Second)
		if err := w.broken(); err != nil {
			return err
		}
		if behind = w.level(); behind == nil {
			return nil
		}
	}
	return fmt.Errorf("not level %s after everything healed: %w", healingIn, behind)
}

// level asks whether all devices know what the server knows, and agree on what is unread.
func (w *World) level() error {
	for _, d := range w.devices {
		cl := d.client()
		if n := len(cl.Unsent()); n > 0 {
			return fmt.Errorf("%s has %d unsent messages, state %+v", d.name, n, cl.State())
		}
		ctx, cancel := context.WithTimeout(w.ctx, 10*time.Second)
		list, err := cl.API().Conversations.ListConversations(ctx, connect.NewRequest(&throngv1.ListConversationsRequest{Limit: 200}))
		cancel()
		if err != nil {
			return fmt.Errorf("%s: listing: %w", d.name, err)
		}
		for _, c := range list.Msg.GetConversations() {
			mine, ok := cl.Conversation(client.ConversationID(c.GetId()))
			if !ok {
				return fmt.Errorf("%s does not know conversation %d", d.name, c.GetId())
			}
			d.mu.Lock()
			told := d.told[c.GetId()]
			d.mu.Unlock()
			if c.GetRole() != throngv1.Role_ROLE_UNSPECIFIED && told != c.GetHead().GetSeq() {
				return fmt.Errorf("%s was told conversation %d up to %d of %d", d.name, c.GetId(), told, c.GetHead().GetSeq())
			}
			if mine.Unread != c.GetUnread() {
				return fmt.Errorf("%s shows %d unread in conversation %d, the server %d\ndevice: %+v\nserver: %v", d.name, mine.Unread, c.GetId(), c.GetUnread(), mine, c)
			}
		}
		if cl.TotalUnread() != list.Msg.GetTotalUnread() {
			return fmt.Errorf("%s shows %d unread in all, the server %d", d.name, cl.TotalUnread(), list.Msg.GetTotalUnread())
		}
	}
	return nil
}

// judge holds everything that was recorded against what the disk holds in the end.
func (w *World) judge() error {
	dir := w.node.config().DatabaseDir()
	var findings []string
	report, err := pebble.Check(context.Background(), dir, pebble.CheckOptions{FS: w.node.fs, Tell: func(f string) { findings = append(findings, f) }})
	if err != nil {
		return fmt.Errorf("checking the folder: %w", err)
	}
	if report.Damage > 0 {
		return fmt.Errorf("the folder is damaged: %+v\n%s", report, strings.Join(findings, "\n"))
	}
	logs, err := w.readLogs(dir)
	if err != nil {
		return err
	}
	truth := history.Truth{}
	for id, l := range logs {
		truth[id] = l.keys
	}
	for k := range w.reads {
		if !logs[k.conversation].allows(k.user, k.seq) {
			return fmt.Errorf("user %d read seq %d of conversation %d, which was not for them", k.user, k.seq, k.conversation)
		}
	}
	for _, d := range w.devices {
		for _, s := range d.streams {
			s.Withheld = func(id, seq uint64) bool { return d.holes[[2]uint64{id, seq}] }
			s.Allowed = func(id, seq uint64) bool { return logs[id].allows(d.user, seq) }
			if err := s.Check(truth, false); err != nil {
				return err
			}
		}
	}
	if err := w.once(logs); err != nil {
		return err
	}
	return w.history.Check(10 * time.Second)
}

// once wants every text in one place: a send that was repeated gave one entry.
func (w *World) once(logs map[uint64]*roomLog) error {
	for id, l := range logs {
		seen := map[string]bool{}
		for i, k := range l.keys {
			if seen[k] && k[0] != '*' {
				return fmt.Errorf("%q stands twice in conversation %d, again at %d", k, id, i+1)
			}
			seen[k] = true
		}
	}
	return nil
}

// roomLog is what the disk holds of a conversation.
type roomLog struct {
	keys  []string
	spans map[client.UserID][]chat.Span
}

func (l *roomLog) allows(u client.UserID, seq uint64) bool {
	if l == nil {
		return false
	}
	return slices.ContainsFunc(l.spans[u], func(s chat.Span) bool { return s.Contains(chat.Seq(seq)) })
}

func (w *World) readLogs(dir string) (map[uint64]*roomLog, error) {
	s, err := pebble.Open(dir, pebble.Options{FS: w.node.fs})
	if err != nil {
		return nil, fmt.Errorf("opening the folder: %w", err)
	}
	out := map[uint64]*roomLog{}
	for _, id := range w.rooms {
		l := &roomLog{spans: map[client.UserID][]chat.Span{}}
		for {
			page, err := s.Range(context.Background(), message.Range{
				Conversation: chat.ConversationID(id), From: chat.Seq(len(l.keys) + 1), Limit: chat.MaxRangeEntries,
			})
			if err != nil {
				return nil, errors.Join(err, s.Close())
			}
			if len(page) == 0 {
				break
			}
			for i := range page {
				l.add(&page[i])
			}
		}
		out[uint64(id)] = l
	}
	return out, s.Close()
}

// add replays an entry: who is a member from here on.
func (l *roomLog) add(e *chat.Entry) {
	key := fmt.Sprintf("*chat.%T", e.Body)
	switch b := e.Body.(type) {
	case chat.Text:
		key = b.Text
	case chat.Created:
		key = "*throngv1.Entry_Created"
		for _, u := range b.Members {
			l.enter(u, e.Seq)
		}
	case chat.MembersChanged:
		key = "*throngv1.Entry_MembersChanged"
		for _, u := range b.Users {
			switch b.Action {
			case chat.MemberAdded, chat.MemberJoined:
				l.enter(u, e.Seq)
			case chat.MemberLeft, chat.MemberRemoved:
				spans := l.spans[client.UserID(u)]
				spans[len(spans)-1].To = e.Seq
			case chat.MemberRole, chat.MemberTransferred, chat.MemberMuted:
			}
		}
	}
	l.keys = append(l.keys, key)
}

func (l *roomLog) enter(u chat.UserID, at chat.Seq) {
	l.spans[client.UserID(u)] = append(l.spans[client.UserID(u)], chat.Span{From: at})
}
