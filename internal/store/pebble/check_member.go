package pebble

import (
	"fmt"
	"slices"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/store/pebble/record"
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
}

// stay is a member as the entries have it.
type stay struct {
	chat.Member
	sent chat.Seq // the last content, which moved the read position
}

func newReplay(id chat.ConversationID, part, parts uint64) *replay {
	return &replay{id: id, part: part, parts: parts, head: chat.Head{Conversation: id}, members: make(map[chat.UserID]*stay)}
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
		r.settings(b)
	case chat.Dissolved:
		r.head.Dissolved = true
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

func (r *replay) settings(b chat.Changed) {
	set := func(to *string, from *string) {
		if from != nil {
			*to = *from
		}
	}
	set(&r.about.Name, b.Name)
	set(&r.about.Avatar, b.Avatar)
	set(&r.about.Description, b.Description)
	if b.Open != nil {
		r.about.Open, r.head.Open = *b.Open, *b.Open
	}
	if b.SlowModeMS != nil {
		r.head.SlowModeMS = *b.SlowModeMS
	}
	if b.Tier != nil {
		r.head.Fixed = *b.Tier
	}
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
	if len(m.Spans) >= maxStays {
		m.Spans = slices.Clone(m.Spans[len(m.Spans)-maxStays+1:])
	}
	m.Role, m.JoinedMS, m.Left = role, e.TimeMS, nil
	m.Spans = append(m.Spans, chat.Span{From: e.Seq})
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
	}
	for _, u := range b.Users {
		if !r.mine(u) || r.crowded {
			continue
		}
		m := r.members[u]
		if m == nil || !m.Current() {
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
	case chat.MemberTransferred:
		m.Role = chat.RoleOwner
	case chat.MemberRole:
		m.Role = b.Role
	case chat.MemberMuted:
		m.MutedUntilMS = b.UntilMS
	default:
	}
}

// leads compares the index of owners and admins, for a part of the users, with what the entries come to.
func (c *checker) leads(r *replay) error {
	if r.broken {
		return nil
	}
	listed := make(map[chat.UserID]struct{})
	err := c.walk(record.Key1(record.TableLead, uint64(r.id)), record.KeyAfter(record.TableLead, uint64(r.id)), func(key, value []byte) error {
		if len(key) != record.Key2Len || len(value) != 0 {
			return c.found(remove(key), "conversation %d: the index of owners and admins has the malformed row %x", r.id, key)
		}
		user := chat.UserID(record.Second(key))
		if !r.mine(user) {
			return nil
		}
		if m := r.members[user]; m == nil || !record.Leads(m.Member) {
			return c.found(remove(key), "conversation %d: the index of owners and admins has user %d, who is neither", r.id, user)
		}
		listed[user] = struct{}{}
		return nil
	})
	if err != nil {
		return err
	}
	for user, m := range r.members {
		if _, ok := listed[user]; ok || !record.Leads(m.Member) {
			continue
		}
		fix := put(record.Key2(record.TableLead, uint64(r.id), uint64(user)), nil)
		if err := c.found(fix, "conversation %d: the index of owners and admins lacks user %d", r.id, user); err != nil {
			return err
		}
	}
	return nil
}

// members compares the member rows of a part of the users with what the entries come to.
func (c *checker) members(r *replay) error {
	err := c.walk(record.Key1(record.TableMember, uint64(r.id)), record.KeyAfter(record.TableMember, uint64(r.id)), func(key, value []byte) error {
		if len(key) != record.Key2Len {
			return c.found(remove(key), "conversation %d: a member row has the malformed key %x", r.id, key)
		}
		user := chat.UserID(record.Second(key))
		if !r.mine(user) {
			return nil
		}
		c.report.Members++
		want := r.members[user]
		delete(r.members, user)
		d := record.NewReader(value)
		have := d.Part(user)
		switch {
		case !d.Done() && want == nil:
			return c.found(remove(key), "conversation %d: the member row of user %d does not decode", r.id, user)
		case !d.Done():
			return c.mendMember(r, want, message.Part{}, "does not decode")
		case want == nil && r.broken:
			return nil
		case want == nil:
			return c.found(remove(key), "conversation %d has a member row of user %d, who never was a member", r.id, user)
		case !r.broken && !sameMember(have.Member, want.Member):
			return c.mendMember(r, want, have, "is not what the entries come to")
		}
		return c.member(r, want, have)
	})
	if err != nil || r.broken {
		return err
	}
	for user, want := range r.members {
		if err := c.mendMember(r, want, message.Part{}, "is missing"); err != nil {
			return err
		}
		delete(r.members, user)
	}
	return nil
}

func sameMember(have, want chat.Member) bool {
	// Rows of format 1 do not say what who left saw last.
	left := have.Left == nil || want.Left != nil && *have.Left == *want.Left
	return have.Role == want.Role && have.JoinedMS == want.JoinedMS && have.MutedUntilMS == want.MutedUntilMS &&
		slices.Equal(have.Spans, want.Spans) && left
}

// mendMember puts the row right; the read position is the truth, and kept where it can be.
func (c *checker) mendMember(r *replay, want *stay, have message.Part, what string) error {
	part := message.Part{Member: want.Member, Read: have.Read}
	part.SentMS = have.SentMS
	last := want.Last(r.head.Seq)
	seq := min(max(have.Read.Seq, want.Spans[len(want.Spans)-1].From, want.sent), last)
	ordinal, ok, err := c.ordinalAt(r.id, seq)
	if err != nil {
		return err
	}
	if ok {
		part.Read = chat.Read{Seq: seq, Ordinal: ordinal}
	}
	key := record.Key2(record.TableMember, uint64(r.id), uint64(want.User))
	fix := put(key, record.AppendPart(nil, part))
	if r.broken {
		fix = nil
	}
	return c.found(fix, "conversation %d: the member row of user %d %s", r.id, want.User, what)
}

// member checks a read position, and that the user's timeline has the conversation.
func (c *checker) member(r *replay, want *stay, have message.Part) error {
	read, last := have.Read, want.Last(r.head.Seq)
	ordinal, ok, err := c.ordinalAt(r.id, read.Seq)
	switch {
	case err != nil:
		return err
	case read.Seq > last:
		return c.mendMember(r, want, have, fmt.Sprintf("has read up to %d, beyond %d", read.Seq, last))
	case read.Seq < want.sent:
		return c.mendMember(r, want, have, fmt.Sprintf("has read up to %d, before its own message %d", read.Seq, want.sent))
	case !ok || ordinal != read.Ordinal:
		return c.mendMember(r, want, have, fmt.Sprintf("has read up to %d with ordinal %d, the entry has %d", read.Seq, read.Ordinal, ordinal))
	case !c.current(r.id) || !want.Current():
		return nil
	}
	var current bool
	ok, err = c.row(record.Key2(record.TableRow, uint64(want.User), uint64(r.id)), func(d *record.Reader) { current = d.Row(r.id).Current })
	if err != nil || (ok && current) {
		return err
	}
	return c.staleRow("user %d is a member of conversation %d, but the timeline does not have it", want.User, r.id)
}
