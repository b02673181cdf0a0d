package audit

import (
	"fmt"
	"slices"

	"github.com/throng-im/throng/internal/chat"
)

// crowd is how many members are compared at once; larger conversations are read several times, a part of the users at each.
const crowd = 1 << 18

// maxStays is how many stays of a member the log's decision remembers.
const maxStays = 64

// replay is what the entries of a conversation come to.
type replay struct {
	id     chat.ConversationID
	head   chat.Head
	about  chat.Conversation
	broken bool // the entries are damaged

	part, parts uint64 // which users are looked at
	crowded     bool   // too many for one part
	members     map[chat.UserID]*stay
	edits       map[chat.Seq]chat.Seq // edits that messages know of and that were not seen yet, with the message
	many        bool                  // too many edits to be compared
}

// stay is a member as the entries have it.
type stay struct {
	chat.Member
	sent chat.Seq // the last content, which moved the read position
}

func newReplay(id chat.ConversationID, part, parts uint64) *replay {
	return &replay{id: id, part: part, parts: parts, head: chat.Head{Conversation: id}, members: make(map[chat.UserID]*stay), edits: make(map[chat.Seq]chat.Seq)}
}

func (r *replay) mine(u chat.UserID) bool { return uint64(u)%r.parts == r.part }

// take applies the next entry and says what is wrong with it.
func (r *replay) take(e *chat.Entry) (problem string) {
	if _, gone := e.Body.(chat.Tombstone); gone || chat.Countable(e.Body) {
		r.head.Ordinal++
	}
	if e.Ordinal != r.head.Ordinal {
		problem = fmt.Sprintf("its ordinal is %d, it should be %d", e.Ordinal, r.head.Ordinal)
		r.head.Ordinal = e.Ordinal
	}
	r.head.Seq, r.head.TimeMS = e.Seq, e.TimeMS
	r.about.Pins = r.about.Pins.After(e)
	if p := r.acted(e); p != "" {
		problem = p
	}
	if e.Edited != nil {
		r.edited(e)
	}
	if e.Refers.Reply() >= e.Seq {
		problem = fmt.Sprintf("it answers entry %d, which does not stand before it", e.Refers.Reply())
	}
	_, created := e.Body.(chat.Created)
	switch {
	case created != (e.Seq == 1):
		return "a conversation begins with its creation, and only there"
	case r.head.Dissolved:
		return "it follows the end of the group"
	}
	switch b := e.Body.(type) {
	case chat.Created:
		r.created(e, b)
	case chat.MembersChanged:
		if p := r.changed(e, b); p != "" {
			problem = p
		}
	case chat.Changed:
		b.Apply(e.Seq, &r.head, &r.about)
	case chat.Dissolved:
		r.head.Dissolved = true
	case chat.Edit, chat.Recall:
		if p := r.amends(e); p != "" {
			problem = p
		}
	case chat.Pin:
		if p := r.sent(e); p != "" {
			problem = p
		}
	case chat.Opaque:
		return fmt.Sprintf("its kind %d is not known: a later version wrote it, or it is damaged", b.Kind)
	default:
		if e.Sender != 0 && r.mine(e.Sender) && !r.crowded {
			m := r.members[e.Sender]
			if m == nil || !m.Current() {
				return fmt.Sprintf("its sender %d was no member", e.Sender)
			}
			m.sent = e.Seq
		}
	}
	return problem
}

// amends applies an entry that amends another one.
func (r *replay) amends(e *chat.Entry) (problem string) {
	r.head.Amended = e.Seq
	switch b := e.Body.(type) {
	case chat.Edit:
		target, known := r.edits[e.Seq]
		delete(r.edits, e.Seq)
		if b.Body != nil && !r.many && (!known || target != b.Target) {
			problem = fmt.Sprintf("it edits entry %d, which does not know it", b.Target)
		}
	case chat.Recall:
		r.head.Recalled = r.head.Recalled.Add(b.Ordinal)
	}
	if p := r.sent(e); p != "" {
		problem = p
	}
	return problem
}

// sent wants the sender of an entry to be a member.
func (r *replay) sent(e *chat.Entry) (problem string) {
	if e.Sender == 0 || !r.mine(e.Sender) || r.crowded {
		return ""
	}
	if m := r.members[e.Sender]; m == nil || !m.Current() {
		return fmt.Sprintf("its sender %d was no member", e.Sender)
	}
	return ""
}

// edited notes the edits that a message knows of.
func (r *replay) edited(e *chat.Entry) {
	if r.many = r.many || len(r.edits) > crowd; r.many {
		clear(r.edits)
		return
	}
	for _, seq := range e.Edited.Seqs {
		r.edits[seq] = e.Seq
	}
}

func (r *replay) created(e *chat.Entry, b chat.Created) {
	r.head.Kind, r.head.Open, r.head.MemberSeq = b.Kind, b.Open, e.Seq
	r.about = chat.Conversation{
		ID: r.id, Kind: b.Kind, Name: b.Name, Avatar: b.Avatar, Description: b.Description, Open: b.Open, CreatedMS: e.TimeMS,
	}
	for i, u := range b.Members {
		role := chat.RoleMember
		if b.Kind != chat.KindDirect && i == 0 {
			role, r.about.Owner = chat.RoleOwner, u
		}
		r.enter(e, u, role)
	}
	if n := len(b.Members); b.Kind == chat.KindDirect && n > 0 {
		r.about.Pair = [2]chat.UserID{min(b.Members[0], b.Members[n-1]), max(b.Members[0], b.Members[n-1])}
	}
	r.head.Members = uint32(len(b.Members))
}

// acted follows the list of what admins did. Entries of versions that had none are not in it.
func (r *replay) acted(e *chat.Entry) (problem string) {
	if e.Act.N == 0 {
		return ""
	}
	if e.Act != (chat.Act{N: r.head.Acts.N + 1, Prev: r.head.Acts.Last}) {
		problem = fmt.Sprintf("as act %d of an admin it follows entry %d, it should be act %d after %d", e.Act.N, e.Act.Prev, r.head.Acts.N+1, r.head.Acts.Last)
	}
	r.head.Acts = chat.Acts{N: e.Act.N, Last: e.Seq}
	return problem
}

func (r *replay) enter(e *chat.Entry, u chat.UserID, role chat.Role) (problem string) {
	if !r.mine(u) || r.crowded {
		return ""
	}
	m := r.members[u]
	switch {
	case m == nil:
		if len(r.members) >= crowd {
			r.crowded = true
			clear(r.members)
			return ""
		}
		m = &stay{Member: chat.Member{User: u}}
		r.members[u] = m
	case m.Current():
		problem = fmt.Sprintf("it takes in user %d, who was a member already", u)
	}
	m.Role, m.JoinedMS, m.Left, m.BannedUntilMS = role, e.TimeMS, nil, 0
	m.Enter(e.Seq, r.head.Terms.HistoryFrom, maxStays)
	return problem
}

// changed applies a member change.
func (r *replay) changed(e *chat.Entry, b chat.MembersChanged) (problem string) {
	n := uint32(len(b.Users))
	switch b.Action {
	case chat.MemberAdded, chat.MemberJoined:
		role := max(b.Role, chat.RoleMember)
		r.head.Members += n
		r.head.MemberSeq = e.Seq
		for _, u := range b.Users {
			if p := r.enter(e, u, role); p != "" {
				problem = p
			}
		}
		return problem
	case chat.MemberLeft, chat.MemberRemoved:
		r.head.Members -= n
		r.head.MemberSeq = e.Seq
		if slices.Contains(b.Users, r.about.Owner) {
			r.about.Owner = 0
		}
	case chat.MemberTransferred:
		r.head.MemberSeq = e.Seq
		if was := r.members[r.about.Owner]; was != nil {
			was.Role = chat.RoleAdmin
		}
		if len(b.Users) == 1 {
			r.about.Owner = b.Users[0]
		}
	case chat.MemberRole, chat.MemberMuted:
		r.head.MemberSeq = e.Seq
	case chat.MemberNamed, chat.MemberBanned, chat.MemberUnbanned:
	}
	for _, u := range b.Users {
		if !r.mine(u) || r.crowded {
			continue
		}
		m := r.members[u]
		if banned := b.Action == chat.MemberBanned || b.Action == chat.MemberUnbanned; m == nil || m.Current() == banned {
			problem = fmt.Sprintf("it changes user %d, who was no member", u)
			continue
		}
		r.alter(e, b, m)
	}
	return problem
}

func (r *replay) alter(e *chat.Entry, b chat.MembersChanged, m *stay) {
	switch b.Action {
	case chat.MemberLeft, chat.MemberRemoved:
		m.Spans[len(m.Spans)-1].To = e.Seq
		m.Left = &chat.Farewell{Name: r.about.Name, Avatar: r.about.Avatar}
		if b.Ban {
			m.BannedUntilMS = b.UntilMS
		}
	case chat.MemberBanned, chat.MemberUnbanned:
		m.BannedUntilMS = b.UntilMS
	case chat.MemberNamed:
		m.Nickname = b.Name
	case chat.MemberTransferred:
		m.Role = chat.RoleOwner
	case chat.MemberRole:
		m.Role = b.Role
	case chat.MemberMuted:
		m.MutedUntilMS = b.UntilMS
	default:
	}
}
