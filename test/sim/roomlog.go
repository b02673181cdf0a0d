package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/throng-im/throng/client"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/store/pebble"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// roomLog is what the disk holds of a conversation: the key of each entry, and who was a member when.
type roomLog struct {
	keys  []string
	spans map[client.UserID][]chat.Span
	// wrong is what an entry refers to that its sender could not see.
	wrong error
	// history is from where on newcomers read.
	history chat.Seq
}

// keyOf names an entry the same way on all sides: a message by what its text begins with, everything else by its kind.
func keyOf(e *throngv1.Entry) string {
	if t := e.GetText(); t != "" {
		return keyOfText(t)
	}
	return fmt.Sprintf("%T", e.GetBody())
}

func keyOfText(t string) string {
	if strings.HasPrefix(t, passing) {
		return gone
	}
	key, _, _ := strings.Cut(t, "|")
	return key
}

// allows reports whether the entry at seq is for the user.
func (l *roomLog) allows(u client.UserID, seq uint64) bool {
	if l == nil {
		return false
	}
	return slices.ContainsFunc(l.spans[u], func(s chat.Span) bool { return s.Contains(chat.Seq(seq)) })
}

// ordered wants every text once, what one device sent over its session in the order in which it did, and answers to what their senders see.
func (l *roomLog) ordered() error {
	if l.wrong != nil {
		return l.wrong
	}
	seen, last := map[string]bool{}, map[string]int{}
	for i, k := range l.keys {
		if k[0] == '*' {
			continue
		}
		if seen[k] {
			return fmt.Errorf("%q stands twice, again at %d", k, i+1)
		}
		seen[k] = true
		device, number, _ := strings.Cut(k, "-")
		n, err := strconv.Atoi(number)
		if err != nil {
			return fmt.Errorf("the key of %d: %w", i+1, err)
		}
		if device[0] == 'u' && n < last[device] {
			return fmt.Errorf("%q stands after %d of the same device", k, last[device])
		}
		last[device] = n
	}
	return nil
}

// follows wants second, where it stands, after first.
func (l *roomLog) follows(first, second string) error {
	a, b := slices.Index(l.keys, first), slices.Index(l.keys, second)
	if b >= 0 && (a < 0 || b < a) {
		return fmt.Errorf("%q was to stand after %q: they are at %d and %d", second, first, b+1, a+1)
	}
	return nil
}

// readLogs reads what the disk holds of all conversations, those included of which no answer told.
func (w *World) readLogs(dir string) (logs map[client.ConversationID]*roomLog, err error) {
	s, err := pebble.Open(dir, pebble.Options{FS: w.node.fs})
	if err != nil {
		return nil, fmt.Errorf("opening the folder: %w", err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	picture, err := s.Picture(context.Background())
	if err != nil {
		return nil, fmt.Errorf("reading the folder: %w", err)
	}
	defer func() { err = errors.Join(err, picture.Close()) }()
	logs = map[client.ConversationID]*roomLog{}
	return logs, picture.Conversations(context.Background(), func(c chat.Conversation) error {
		l := &roomLog{spans: map[client.UserID][]chat.Span{}}
		logs[client.ConversationID(c.ID)] = l
		for {
			page, err := s.Range(context.Background(), message.Range{
				Conversation: c.ID, From: chat.Seq(len(l.keys) + 1), Limit: chat.MaxRangeEntries,
			})
			if err != nil || len(page) == 0 {
				return err
			}
			for i := range page {
				l.add(&page[i])
			}
		}
	})
}

// add replays an entry: who is a member from here on.
func (l *roomLog) add(e *chat.Entry) {
	key := fmt.Sprintf("*chat.%T", e.Body)
	if reply := e.Refers.Reply(); reply != 0 && (reply >= e.Seq || !l.allows(client.UserID(e.Sender), uint64(reply))) {
		l.wrong = fmt.Errorf("entry %d of %d answers %d, which is not for %d", e.Seq, e.Conversation, reply, e.Sender)
	}
	if e.Refers != nil {
		for _, u := range e.Refers.Mentions {
			if !l.allows(client.UserID(u), uint64(e.Seq)) {
				l.wrong = fmt.Errorf("entry %d of %d mentions %d, who is no member", e.Seq, e.Conversation, u)
			}
		}
	}
	switch b := e.Body.(type) {
	case chat.Text:
		key = keyOfText(b.Text)
	case chat.Created:
		key = "*throngv1.Entry_Created"
		for _, u := range b.Members {
			l.enter(u, e.Seq)
		}
	case chat.Changed:
		key = "*throngv1.Entry_ConversationChanged"
		var head chat.Head
		head.Terms.HistoryFrom = l.history
		b.Apply(e.Seq, &head, &chat.Conversation{})
		l.history = head.Terms.HistoryFrom
	case chat.Tombstone:
		key = gone
	case chat.Edit:
		key = "*throngv1.Entry_Edit"
	case chat.Recall:
		key = "*throngv1.Entry_Recall"
	case chat.Pin:
		key = "*throngv1.Entry_Pin"
	case chat.Dissolved:
		key = "*throngv1.Entry_Dissolved"
	case chat.MembersChanged:
		key = "*throngv1.Entry_MembersChanged"
		for _, u := range b.Users {
			switch b.Action {
			case chat.MemberAdded, chat.MemberJoined:
				l.enter(u, e.Seq)
			case chat.MemberLeft, chat.MemberRemoved:
				spans := l.spans[client.UserID(u)]
				spans[len(spans)-1].To = e.Seq
			case chat.MemberRole, chat.MemberTransferred, chat.MemberMuted, chat.MemberNamed, chat.MemberBanned, chat.MemberUnbanned:
			}
		}
	}
	l.keys = append(l.keys, key)
}

func (l *roomLog) enter(u chat.UserID, at chat.Seq) {
	m := chat.Member{Spans: l.spans[client.UserID(u)]}
	m.Enter(at, l.history, 64)
	l.spans[client.UserID(u)] = m.Spans
}
