package timeline

import "github.com/throng-im/throng/internal/chat"

// View is a conversation as one user sees it.
type View struct {
	Conversation chat.Conversation
	Head         chat.Head   // capped for the user
	Last         *chat.Entry // the entry at the head; nil where it was not read
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

// item is a conversation on its way into an answer.
type item struct {
	row  Row
	part Part
	view View // without what stands about the conversation, entries and draft
}

// current reports whether the user is a member, as the log says: the row may be behind.
func (i *item) current() bool { return i.part.Member.Current() }

// always reports whether the conversation is part of every sync.
func (i *item) always() bool { return i.current() && i.part.Head.Tier > chat.TierSmall }

// tally makes views of rows and their parts, and the total that goes with them. It is the one place where unread and total
// are computed. Rows of conversations that the user never was in are dropped.
func tally(rows []Row, parts []Part) (items []*item, total uint64) {
	items = make([]*item, 0, len(rows))
	all := make([]item, len(rows))
	for i, row := range rows {
		part := parts[i]
		if !part.Head.Exists() || len(part.Member.Spans) == 0 {
			continue
		}
		it := &all[i]
		*it = item{row: row, part: part, view: view(row, part)}
		if it.current() && !row.Settings.Muted {
			total += it.view.Unread
		}
		items = append(items, it)
	}
	return items, total
}

func view(row Row, p Part) View {
	v := View{
		Head:     capped(p),
		Read:     p.Read,
		First:    p.Member.First(),
		Since:    p.Member.Since,
		Settings: row.Settings.At(p.Read),
	}
	v.Settings.Hidden = p.Member.Hidden
	if p.Member.Current() {
		v.Role, v.MutedUntilMS = p.Member.Role, p.Member.MutedUntilMS
	}
	v.Unread = unread(v.Head, p.Read)
	v.Unread -= min(v.Unread, p.Member.Hidden.Unread(p.Read.Ordinal, v.Head.Ordinal, v.Head.Recalled))
	return v
}

// unread never is negative: a head capped at a removal may lie below what was read as a member of before.
func unread(head chat.Head, read chat.Read) uint64 {
	if head.Ordinal <= read.Ordinal {
		return 0
	}
	return head.Unread(read) + unreadError
}

// capped is the head that the member may see. Of what came after an ended membership it tells nothing: not how many
// members there are, nor that the group was dissolved or opened.
func capped(p Part) chat.Head {
	if p.Member.Current() || p.Member.Last(p.Head.Seq) == 0 || !capping {
		return p.Head
	}
	return chat.Head{
		Conversation: p.Head.Conversation,
		Kind:         p.Head.Kind,
		Tier:         chat.TierSmall,
		Seq:          p.Member.Last(p.Head.Seq),
		Ordinal:      p.End.Ordinal,
		Recalled:     p.Head.Recalled,
		Amended:      p.Head.Amended,
		TimeMS:       p.End.TimeMS,
		MemberSeq:    p.Member.Last(p.Head.Seq),
	}
}

// about hides from a former member what may be newer than the membership: it sees name and avatar as they were then. Nobody is told that
// a message is pinned which is not for the reader.
func about(c chat.Conversation, m chat.Member) chat.Conversation {
	c.Pins = c.Pins.Seen(func(s chat.Seq) bool { return m.Sees(s) && !m.Hidden.Contains(s) })
	if m.Current() || c.Kind == chat.KindDirect {
		return c
	}
	out := chat.Conversation{ID: c.ID, Kind: c.Kind, CreatedMS: c.CreatedMS}
	if m.Left != nil {
		out.Name, out.Avatar = m.Left.Name, m.Left.Avatar
	}
	return out
}

// show fills in the newest entries, as far as the member may read them: entries are contiguous and end at the view's head.
// Spans between them that the member may not read are named. keep is false where only the last entry was wanted.
func (v *View) show(reader chat.UserID, m chat.Member, entries []chat.Entry, keep bool) {
	for i := range entries {
		e := entries[i]
		if e.Seq < v.First {
			continue
		}
		if m.Sees(e.Seq) && !chat.Shown(&e, m.Sees) {
			// What it said to the member was said before an edit. The device pulls it, and what comes before it.
			v.Entries, v.Withheld = nil, nil
			continue
		}
		if !m.Sees(e.Seq) || m.Hidden.Hides(&e) {
			v.withhold(e.Seq)
			continue
		}
		if e.Sender != reader {
			e.ClientID = chat.ClientID{}
		}
		v.Entries = append(v.Entries, e)
		if e.Seq == v.Head.Seq {
			v.Last = &e
		}
	}
	if !keep {
		v.Entries, v.Withheld = nil, nil
	}
}

func (v *View) withhold(seq chat.Seq) {
	if n := len(v.Withheld); n > 0 && v.Withheld[n-1].To+1 == seq {
		v.Withheld[n-1].To = seq
		return
	}
	v.Withheld = append(v.Withheld, chat.Span{From: seq, To: seq})
}

// size is about what the view takes on the wire.
func (v *View) size() int {
	n := 96 + len(v.Conversation.Pins) + len(v.Conversation.Name) + len(v.Conversation.Avatar) + len(v.Conversation.Description) + len(v.Settings.Draft)
	if len(v.Entries) == 0 && v.Last != nil {
		return n + v.Last.WireBytes()
	}
	for i := range v.Entries {
		n += 24 + v.Entries[i].WireBytes()
	}
	if v.Last != nil {
		n += v.Last.WireBytes()
	}
	return n
}
