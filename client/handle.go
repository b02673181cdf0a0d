package client

import (
	"slices"
	"time"

	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// handle takes one envelope of the server. All of this file runs with mu held.
func (c *Client) handle(s *session, env *throngv1.ServerEnvelope) {
	switch v := env.GetContent().(type) {
	case *throngv1.ServerEnvelope_Entry:
		id := ConversationID(v.Entry.GetConversation())
		if cv := c.conversations[id]; cv != nil && cv.tier == throngv1.Tier_TIER_LARGE && !s.looksAt(id) {
			cv.served = true
		}
		c.arrived(id, v.Entry)
	case *throngv1.ServerEnvelope_Entries:
		c.chunk(v.Entries)
	case *throngv1.ServerEnvelope_Response:
		c.answered(s, v.Response)
	case *throngv1.ServerEnvelope_Hint:
		c.hinted(ConversationID(v.Hint.GetConversation()), v.Hint.GetSeq(), v.Hint.GetOrdinal(), v.Hint.GetTier())
	case *throngv1.ServerEnvelope_ReadChanged:
		r := v.ReadChanged
		c.readTo(ConversationID(r.GetConversation()), r.GetReadSeq(), r.GetReadOrdinal())
	case *throngv1.ServerEnvelope_SettingsChanged:
		c.settle(ConversationID(v.SettingsChanged.GetConversation()), v.SettingsChanged.GetSettings())
	case *throngv1.ServerEnvelope_SyncHint:
		s.wantSync = true
		c.wake()
	case *throngv1.ServerEnvelope_RelationsChanged:
		if c.events.room() {
			c.events.push(RelationsChanged{Version: v.RelationsChanged.GetVersion()})
		}
	case *throngv1.ServerEnvelope_Closing:
		s.closing = v.Closing
	case *throngv1.ServerEnvelope_Batching:
		b := v.Batching
		// One that comes late, after the focus was taken back, would stand for ever.
		if cv := c.conversations[ConversationID(b.GetConversation())]; cv != nil && s.looksAt(cv.view.ID) {
			c.batched(cv, millis(b.GetIntervalMs()), millis(b.GetSendWaitMs()))
		}
	case *throngv1.ServerEnvelope_Degraded:
		c.degrade(degradedOf(v.Degraded))
	case *throngv1.ServerEnvelope_Typing:
		c.types(v.Typing)
	case *throngv1.ServerEnvelope_PresenceChanged:
		c.moved(v.PresenceChanged.GetPeople())
	case *throngv1.ServerEnvelope_ReceiptsMoved:
		c.receiptsMoved(v.ReceiptsMoved)
	}
}

// chunk takes several entries at once: what the stream can tell of them is told when all are there.
func (c *Client) chunk(v *throngv1.Entries) {
	id := ConversationID(v.GetConversation())
	if id == 0 {
		return
	}
	c.met(v.GetProfiles())
	cv := c.find(id)
	fresh := false
	for _, e := range v.GetEntries() {
		c.typed(id, UserID(e.GetSender()))
		fresh = e.GetSeq() != 0 && cv.stream.add(e) || fresh
	}
	if fresh {
		c.advance(cv, time.Now())
	}
}

// met tells the application of people whose entries follow. Where there is no room for the entries they are pulled later, and
// bring the people again.
func (c *Client) met(profiles []*throngv1.Profile) {
	if len(profiles) > 0 && c.events.room() {
		c.events.push(ProfilesLearned{Profiles: profiles})
	}
}

func (c *Client) answered(s *session, r *throngv1.Response) {
	w, ok := s.waiting[r.GetId()]
	if !ok {
		return // nobody waits: its asker gave up
	}
	delete(s.waiting, r.GetId())
	if e := r.GetError(); e != nil {
		w(nil, fromWire(e))
		return
	}
	w(r, nil)
}

// find returns the conversation. One that no sync has told of yet is kept as a stream, and a sync is wanted.
func (c *Client) find(id ConversationID) *conversation {
	cv := c.conversations[id]
	if cv == nil {
		cv = &conversation{view: Conversation{ID: id}}
		c.conversations[id] = cv
		c.strangers[id] = struct{}{}
	}
	if !cv.known && c.session != nil && !c.session.wantSync && c.session.strange == 0 {
		c.session.wantSync = true
		c.wake()
	}
	return cv
}

func (c *Client) arrived(id ConversationID, e *throngv1.Entry) {
	if id == 0 || e.GetSeq() == 0 {
		return
	}
	cv := c.find(id)
	c.typed(id, UserID(e.GetSender()))
	if !cv.stream.add(e) {
		return
	}
	c.advance(cv, time.Now())
}

// hinted notes that the conversation's log goes on to seq.
func (c *Client) hinted(id ConversationID, seq, ordinal uint64, tier throngv1.Tier) {
	if id == 0 {
		return
	}
	cv := c.find(id)
	now := time.Now()
	if tier == throngv1.Tier_TIER_LARGE {
		cv.served = false
	}
	if tier == throngv1.Tier_TIER_SMALL && seq < cv.stream.next { // the server waits for the word that it arrived (DLV-19)
		cv.acked = min(cv.acked, seq-1)
		c.unacknowledged(cv)
	}
	if !c.headed(cv, seq, ordinal, tier) {
		return
	}
	if cv.view.Members > manyMembers && cv.stream.since.IsZero() { // the others got the same hint at the same moment
		cv.stream.spread = now.Add(time.Duration(c.opts.Random() * float64(pullSpread)))
	}
	c.advance(cv, now)
}

// unacknowledged notes that the server is to hear what has arrived of a conversation.
func (c *Client) unacknowledged(cv *conversation) {
	if len(c.unacked) == 0 {
		c.wake()
	}
	c.unacked[cv.view.ID] = cv
}

// headed takes where the log ends and how it is delivered, and reports whether there is something to do about it.
func (c *Client) headed(cv *conversation, seq, ordinal uint64, tier throngv1.Tier) bool {
	if ordinal > cv.headOrdinal {
		c.change(cv, func() { cv.headOrdinal = ordinal })
	}
	was := c.lazy(cv)
	if cv.tiered(seq, tier) && cv.known {
		c.events.push(ConversationChanged{Conversation: cv.snapshot()})
	}
	if seq <= cv.stream.head {
		return was && !c.lazy(cv) // it brings its messages again: what was left out is pulled
	}
	cv.stream.head = seq
	return true
}

// advance tells what is in order now and notes what is missing.
func (c *Client) advance(cv *conversation, now time.Time) {
	for {
		if !c.events.room() && len(cv.stream.held) > 0 && cv.stream.next != 0 {
			c.starved = true
			cv.stream.clear() // it is pulled when there is room
			break
		}
		e, ok := cv.stream.pop()
		if !ok {
			break
		}
		if e != nil {
			c.tell(cv, e)
		}
	}
	if (cv.tier <= throngv1.Tier_TIER_SMALL || cv.tier == throngv1.Tier_TIER_MEDIUM && cv.view.Members <= namedMembers) && cv.stream.next > cv.acked+1 {
		c.unacknowledged(cv)
	}
	cv.stream.note(now)
	if cv.stream.lacking() {
		if c.lazy(cv) {
			c.behind(cv)
			return
		}
		if c.lagging[cv.view.ID] != cv {
			c.lagging[cv.view.ID] = cv
			c.wake()
		}
		return
	}
	delete(c.lagging, cv.view.ID)
}

// tell gives the entry to the application and draws its conclusions.
func (c *Client) tell(cv *conversation, e *throngv1.Entry) {
	e.Conversation = uint64(cv.view.ID)
	changed := false
	c.change(cv, func() {
		cv.headOrdinal = max(cv.headOrdinal, e.GetOrdinal())
		cv.discount(e)
		if reads(e, c.me) {
			cv.read(e.GetSeq(), e.GetOrdinal())
		}
		changed = e.GetSeq() > cv.metaSeq && (c.learn(cv, e) || cv.pinned(e))
	})
	c.wrote(cv.view.ID, UserID(e.GetSender()), e.GetSeq())
	if !cv.hid(e.GetSeq(), about(e)) {
		live := e.GetSeq() > cv.backlog
		var now *throngv1.Entry
		if amends(e) {
			now = cv.amend(e)
		}
		if !amends(e) || cv.view.Last == nil { // what was amended is what lists show
			cv.view.Last = e
		}
		c.keep(cv, e)
		c.events.push(Message{Conversation: cv.view.ID, Entry: e, Live: live})
		if now != nil {
			c.events.push(Amended{Conversation: cv.view.ID, Entry: now})
		}
	}
	if changed {
		c.events.push(ConversationChanged{Conversation: cv.snapshot()})
	}
}

// reads reports whether the entry moves the user's read position to itself: who writes has read, and who becomes a member
// begins to read there. Other changes that the user made move nothing.
func reads(e *throngv1.Entry, me UserID) bool {
	switch b := e.GetBody().(type) {
	case *throngv1.Entry_MembersChanged:
		switch b.MembersChanged.GetAction() {
		case throngv1.MembersChanged_ACTION_ADDED, throngv1.MembersChanged_ACTION_JOINED:
			return slices.Contains(b.MembersChanged.GetUsers(), uint64(me))
		default:
			return false
		}
	case *throngv1.Entry_Created, *throngv1.Entry_ConversationChanged, *throngv1.Entry_Dissolved, *throngv1.Entry_Edit, *throngv1.Entry_Recall,
		*throngv1.Entry_Pin:
		return false
	default:
		return me != 0 && e.GetSender() == uint64(me)
	}
}

// learn takes from an entry what it changes about the conversation.
func (c *Client) learn(cv *conversation, e *throngv1.Entry) bool {
	v := &cv.view
	switch b := e.GetBody().(type) {
	case *throngv1.Entry_ConversationChanged:
		ch := b.ConversationChanged
		if ch.Name != nil {
			v.Name = ch.GetName()
		}
		if ch.Avatar != nil {
			v.Avatar = ch.GetAvatar()
		}
		if ch.Description != nil {
			v.Description = ch.GetDescription()
		}
		if ch.SlowModeMs != nil {
			v.SlowMode = millis(ch.GetSlowModeMs())
			c.hurrySend(v.ID)
		}
		v.terms(ch)
		cv.tiered(e.GetSeq(), ch.GetTier())
	case *throngv1.Entry_MembersChanged:
		role := v.Role
		cv.members(b.MembersChanged, c.me)
		if v.Role != role {
			c.hurrySend(v.ID)
		}
	case *throngv1.Entry_Dissolved:
		v.Dissolved = true
	default:
		return false
	}
	return true
}

func (cv *conversation) members(m *throngv1.MembersChanged, me UserID) {
	v := &cv.view
	mine := slices.Contains(m.GetUsers(), uint64(me))
	switch m.GetAction() {
	case throngv1.MembersChanged_ACTION_ADDED, throngv1.MembersChanged_ACTION_JOINED:
		v.Members += m.GetCount()
		if mine && v.Role == throngv1.Role_ROLE_UNSPECIFIED {
			v.Role = max(m.GetRole(), throngv1.Role_ROLE_MEMBER)
		}
	case throngv1.MembersChanged_ACTION_LEFT, throngv1.MembersChanged_ACTION_REMOVED:
		v.Members -= min(m.GetCount(), v.Members)
		if mine {
			v.Role = throngv1.Role_ROLE_UNSPECIFIED
		}
	case throngv1.MembersChanged_ACTION_ROLE:
		if mine {
			v.Role = m.GetRole()
		}
	case throngv1.MembersChanged_ACTION_TRANSFERRED:
		if mine {
			v.Role = throngv1.Role_ROLE_OWNER
		} else if v.Role == throngv1.Role_ROLE_OWNER {
			v.Role = throngv1.Role_ROLE_ADMIN
		}
	case throngv1.MembersChanged_ACTION_MUTED:
		if mine {
			v.MutedUntil = fromMS(m.GetUntilMs())
		}
	case throngv1.MembersChanged_ACTION_UNSPECIFIED, throngv1.MembersChanged_ACTION_NAMED, throngv1.MembersChanged_ACTION_BANNED,
		throngv1.MembersChanged_ACTION_UNBANNED:
	}
}

// terms takes in what a group holds its members to from now on.
func (v *Conversation) terms(ch *throngv1.ConversationChanged) {
	switch {
	case ch.Joining != nil:
		v.Joining = ch.GetJoining()
	case ch.Open != nil && ch.GetOpen():
		v.Joining = throngv1.Joining_JOINING_OPEN
	case ch.Open != nil && v.Joining == throngv1.Joining_JOINING_OPEN:
		v.Joining = throngv1.Joining_JOINING_INVITED
	}
	if ch.Posting != nil {
		v.Posting = ch.GetPosting()
	}
	if ch.QuietUntilMs != nil {
		v.QuietUntil = fromMS(ch.GetQuietUntilMs())
	}
	if ch.History != nil {
		v.History = ch.GetHistory()
	}
	if ch.Announcement != nil {
		v.Announcement = ch.GetAnnouncement()
	}
}

func (c *Client) readTo(id ConversationID, seq, ordinal uint64) {
	cv := c.conversations[id]
	if cv == nil {
		return
	}
	moved := false
	c.change(cv, func() { moved = cv.read(seq, ordinal) })
	if moved {
		c.events.push(ReadChanged{Conversation: id, Seq: seq, Unread: cv.unread()})
	}
}

func (c *Client) settle(id ConversationID, s *throngv1.ConversationSettings) {
	cv := c.conversations[id]
	if cv == nil || s == nil {
		return
	}
	c.change(cv, func() { cv.view.Settings = settingsOf(s) })
	c.events.push(SettingsChanged{Conversation: id, Settings: cv.view.Settings})
	c.hides(cv, s.GetHidden())
}
