package wire

import (
	"github.com/throng-im/throng/internal/chat"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// View is a conversation as one user sees it. Its fields are those of timeline.View, which converts into it.
type View struct {
	Conversation chat.Conversation
	Head         chat.Head   // capped for the user
	Last         *chat.Entry // the entry at the head; nil where it is withheld
	Role         chat.Role   // 0 when the user has left
	Read         chat.Read
	Unread       uint64
	First        chat.Seq
	Since        chat.Seq // with what the reader became a member, where First is before that; else 0
	Settings     chat.Settings
	MutedUntilMS uint64
	Entries      []chat.Entry
	Withheld     []chat.Span
}

// Conversation tells a view to its user.
func Conversation(reader chat.UserID, v *View) *throngv1.Conversation {
	return &throngv1.Conversation{
		Id: uint64(v.Head.Conversation), Kind: Kind(v.Conversation.Kind), Name: v.Conversation.Name,
		Avatar: v.Conversation.Avatar, Description: v.Conversation.Description,
		Peer: uint64(v.Conversation.Peer(reader)), MemberCount: v.Head.Members, Role: throngv1.Role(v.Role),
		Head: Head(reader, v.Head, v.Last), ReadSeq: uint64(v.Read.Seq), ReadOrdinal: uint64(v.Read.Ordinal),
		Unread: v.Unread, FirstSeq: uint64(v.First), SinceSeq: uint64(v.Since), Entries: Entries(v.Entries, reader), Withheld: Spans(v.Withheld),
		Settings: Settings(v.Settings), Dissolved: v.Head.Dissolved, MutedUntilMs: v.MutedUntilMS,
		SlowModeMs: v.Head.SlowModeMS, Joining: joining(v.Head), Posting: posting(v.Head), QuietUntilMs: v.Head.Terms.QuietUntilMS,
		History: v.Head.Terms.HistoryFrom != 0, Announcement: v.Conversation.Announcement, Pins: pins(v.Conversation.Pins),
	}
}

// pins tells which messages are pinned.
func pins(p chat.Pins) []uint64 {
	list := p.List()
	out := make([]uint64, len(list))
	for i, pinned := range list {
		out[i] = uint64(pinned.Target)
	}
	return out
}

// Head tells the end of a log to a reader; last is the entry there, or nil.
func Head(reader chat.UserID, h chat.Head, last *chat.Entry) *throngv1.Head {
	out := &throngv1.Head{
		Conversation: uint64(h.Conversation), Seq: uint64(h.Seq), Ordinal: uint64(h.Ordinal), Tier: throngv1.Tier(h.Tier),
	}
	for _, o := range h.Recalled.List() {
		out.Recalled = append(out.Recalled, uint64(o))
	}
	if last != nil {
		out.Last = Entry(last, Part{ClientID: reader != 0 && last.Sender == reader})
	}
	return out
}

// Heads tells heads without their entries.
func Heads(list []chat.Head) []*throngv1.Head {
	out := make([]*throngv1.Head, len(list))
	for i, h := range list {
		out[i] = Head(0, h, nil)
	}
	return out
}

// Spans tells withheld spans.
func Spans(list []chat.Span) []*throngv1.Span {
	if len(list) == 0 {
		return nil
	}
	out := make([]*throngv1.Span, len(list))
	for i, p := range list {
		out[i] = Span(p)
	}
	return out
}

// Span tells a span.
func Span(p chat.Span) *throngv1.Span {
	return &throngv1.Span{From: uint64(p.From), To: uint64(p.To)}
}

// Settings tells a user's settings for a conversation.
func Settings(s chat.Settings) *throngv1.ConversationSettings {
	return &throngv1.ConversationSettings{
		Pinned: s.Pinned, Muted: s.Muted, Archived: s.Archived, Draft: s.Draft, MarkedUnread: s.MarkedUnread, Hidden: hidden(s.Hidden),
	}
}

// Kind tells a conversation's kind.
func Kind(k chat.Kind) throngv1.Kind { return throngv1.Kind(k) }

// Member tells a member with the name and avatar that the user shows now.
func Member(m chat.Member, name, avatar string) *throngv1.Member {
	return &throngv1.Member{
		User: uint64(m.User), Role: throngv1.Role(m.Role), JoinedMs: m.JoinedMS, MutedUntilMs: m.MutedUntilMS,
		Name: name, Avatar: avatar, Nickname: m.Nickname,
	}
}

// Sent tells the acknowledgement of a send.
func Sent(r chat.Result) *throngv1.SendResponse {
	return &throngv1.SendResponse{Seq: uint64(r.Seq), Ordinal: uint64(r.Ordinal), TimeMs: r.TimeMS, Repeat: r.Repeat}
}

// Page is a range of entries as message.Page has it, which converts into it.
type Page struct {
	Entries  []chat.Entry
	Withheld []chat.Span
	Covered  chat.Span
	Head     chat.Head // capped for the reader
}

// Senders names who wrote entries that a reader is told: with repeats.
func Senders(list []chat.Entry) []chat.UserID {
	out := make([]chat.UserID, len(list))
	for i := range list {
		out[i] = list[i].Sender
	}
	return out
}

// ListEntries tells a page to its reader.
func ListEntries(reader chat.UserID, id chat.ConversationID, p *Page) *throngv1.ListEntriesResponse {
	return &throngv1.ListEntriesResponse{
		Conversation: uint64(id), Entries: Entries(p.Entries, reader), Withheld: Spans(p.Withheld), Covered: Span(p.Covered),
		HeadSeq: uint64(p.Head.Seq), HeadOrdinal: uint64(p.Head.Ordinal),
	}
}

// PresenceState tells how somebody is there, from offline (0) to busy (3). The schema's 0 is not said.
func PresenceState(n uint8) throngv1.PresenceState {
	return throngv1.PresenceState(n) + throngv1.PresenceState_PRESENCE_STATE_OFFLINE
}
