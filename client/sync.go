package client

import (
	"errors"
	"slices"
	"time"

	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

const (
	syncPage  = 200 // conversations of one answer
	syncRetry = time.Second
	// A conversation that is new to the device is asked for again after 50, 100, … 3,200 ms.
	strangerWait = 50 * time.Millisecond
	maxStrange   = 7
)

// sync asks what changed since the cursor, and asks again until there is no more. It runs with mu held.
func (c *Client) sync(s *session) {
	s.wantSync, s.syncing = false, true
	s.fresh = c.cursor == nil
	c.syncPage(s)
}

func (c *Client) syncPage(s *session) {
	req := &throngv1.SyncRequest{Cursor: c.cursor, Limit: syncPage, Entries: uint32(c.opts.Entries)}
	env := &throngv1.ClientEnvelope{Request: &throngv1.ClientEnvelope_Sync{Sync: req}}
	s.post(env, func(r *throngv1.Response, err error) {
		if err != nil {
			c.syncFailed(s, err)
			return
		}
		c.synced(s, r.GetSync())
	})
}

func (c *Client) synced(s *session, r *throngv1.SyncResponse) {
	switch {
	case !r.GetReset_():
	case c.cursor.GetEpoch() == r.GetCursor().GetEpoch(): // SYNC-4: entries stand, what is listed is all
		c.renew()
	default:
		if len(c.conversations) > 0 || c.cursor != nil {
			c.reset()
		}
		s.fresh = true
	}
	c.cursor, c.serverTotal = r.GetCursor(), r.GetTotalUnread()
	c.met(r.GetProfiles())
	for _, pc := range r.GetConversations() {
		c.learned(pc, s.fresh)
	}
	if r.GetMore() {
		c.syncPage(s)
		return
	}
	s.syncing = false
	c.renewed()
	c.meetStrangers(s)
	if s.fresh {
		c.whole, s.fresh = true, false
	}
	if !s.online {
		s.online = true
		c.setState(State{Phase: Online})
		close(s.ready)
		c.outbox.restart()
		c.pump(s)
	}
	c.wake()
}

// meetStrangers syncs again for conversations that deliveries told of and the sync did not yet: the timeline follows the
// log. One that stays unknown is forgotten.
func (c *Client) meetStrangers(s *session) {
	switch {
	case len(c.strangers) == 0:
		s.strange = 0
	case s.strange < maxStrange:
		s.wantSync, s.syncAfter = true, time.Now().Add(strangerWait<<s.strange)
		s.strange++
	default:
		s.strange = 0
		for id := range c.strangers {
			delete(c.conversations, id)
			delete(c.lagging, id)
			delete(c.unacked, id)
		}
		clear(c.strangers)
	}
}

func (c *Client) syncFailed(s *session, err error) {
	s.syncing, s.wantSync = false, true
	var e *Error
	switch {
	case errors.Is(err, errLinkLost):
		return
	case errors.As(err, &e) && e.Reason == "cursor_invalid" && c.cursor != nil:
		c.cursor = nil // start over
	case errors.As(err, &e) && e.Retryable():
		s.syncAfter = time.Now().Add(max(syncRetry, e.RetryAfter))
	default:
		s.end(err)
	}
	c.wake()
}

// reset forgets all that is known of conversations.
func (c *Client) reset() {
	clear(c.conversations)
	clear(c.lagging)
	clear(c.unacked)
	clear(c.strangers)
	c.unlisted = nil
	c.total, c.hot, c.whole = 0, 0, false
	c.events.push(Reset{})
}

// renew begins to take what the server lists as all that there is: what it does not list is none of the user's any more. Entries and
// places in conversations stay as they are. It may take several pages, and connections.
func (c *Client) renew() {
	c.unlisted = make(map[ConversationID]bool, len(c.conversations))
	for id, cv := range c.conversations {
		if cv.known {
			c.unlisted[id] = true
		}
	}
}

// renewed ends that: the user has left the conversations that were not listed.
func (c *Client) renewed() {
	for id := range c.unlisted {
		if cv := c.conversations[id]; cv != nil && cv.view.Role != throngv1.Role_ROLE_UNSPECIFIED {
			c.change(cv, func() { cv.view.Role = throngv1.Role_ROLE_UNSPECIFIED })
			c.events.push(ConversationChanged{Conversation: cv.snapshot()})
		}
	}
	c.unlisted = nil
}

// learned takes a conversation as a sync shows it. A fresh device begins at the entries that came with it; a device that
// was there before has everything to catch up with.
func (c *Client) learned(pc *throngv1.Conversation, fresh bool) {
	id := ConversationID(pc.GetId())
	if id == 0 {
		return
	}
	cv := c.conversations[id]
	if cv == nil {
		cv = &conversation{view: Conversation{ID: id}}
		c.conversations[id] = cv
	}
	changed := !cv.known
	cv.known = true
	delete(c.strangers, id)
	delete(c.unlisted, id)
	slow, role := cv.view.SlowMode, cv.view.Role
	c.change(cv, func() { changed = cv.merge(pc) || changed })
	if cv.view.SlowMode != slow || cv.view.Role != role {
		c.hurrySend(id)
	}
	c.hides(cv, pc.GetSettings().GetHidden())
	st := &cv.stream
	if st.next == 0 {
		cv.begin(pc, fresh)
	}
	for _, w := range pc.GetWithheld() {
		st.fill(w.GetFrom(), w.GetTo())
	}
	for _, e := range pc.GetEntries() {
		st.add(e)
	}
	if last := pc.GetHead().GetLast(); last != nil && last.GetSeq() >= st.next {
		if c.lazy(cv) && last.GetSeq() > cv.view.Last.GetSeq() { // what lists show, though nobody pulls what lies before it
			last.Conversation = pc.GetId()
			cv.view.Last, changed = last, true
		}
		st.add(last)
	}
	if changed {
		c.events.push(ConversationChanged{Conversation: cv.snapshot()})
	}
	c.advance(cv, time.Now())
}

// merge takes the figures and the looks; a position never moves back, because deliveries may have overtaken the sync.
func (cv *conversation) merge(pc *throngv1.Conversation) (changed bool) {
	v, head := &cv.view, pc.GetHead()
	before := *v
	if head.GetSeq() >= cv.metaSeq && head.GetSeq()+1 >= cv.stream.next {
		v.Kind, v.Name, v.Avatar, v.Description = pc.GetKind(), pc.GetName(), pc.GetAvatar(), pc.GetDescription()
		v.Peer, v.Members, v.Role = UserID(pc.GetPeer()), pc.GetMemberCount(), pc.GetRole()
		v.Dissolved, v.MutedUntil = pc.GetDissolved(), fromMS(pc.GetMutedUntilMs())
		v.SlowMode = millis(pc.GetSlowModeMs())
		v.Joining, v.Posting, v.QuietUntil = pc.GetJoining(), pc.GetPosting(), fromMS(pc.GetQuietUntilMs())
		v.History, v.Announcement = pc.GetHistory(), pc.GetAnnouncement()
		changed = !slices.Equal(cv.pins, pc.GetPins())
		cv.pins = pc.GetPins()
		cv.metaSeq = head.GetSeq()
	}
	changed = cv.tiered(head.GetSeq(), head.GetTier()) || changed
	v.First = pc.GetFirstSeq()
	v.Settings = settingsOf(pc.GetSettings())
	cv.stream.head = max(cv.stream.head, head.GetSeq())
	cv.headOrdinal = max(cv.headOrdinal, head.GetOrdinal())
	if pc.GetReadSeq() >= v.Read {
		v.Read, cv.readOrdinal = pc.GetReadSeq(), max(cv.readOrdinal, pc.GetReadOrdinal())
	}
	cv.discounted(head.GetSeq(), head.GetRecalled())
	before.Last, before.Read = v.Last, v.Read
	return changed || before != *v
}

// begin sets the starting point of the stream.
func (cv *conversation) begin(pc *throngv1.Conversation, fresh bool) {
	st, head := &cv.stream, pc.GetHead().GetSeq()
	defer func() { cv.acked = st.next - 1 }() // nobody waits to hear of what lies before
	if !fresh {
		st.next = max(pc.GetFirstSeq(), pc.GetSinceSeq(), 1) // what was said before the user came is there to be read, and is no news
		return
	}
	st.next, cv.backlog = head+1, head
	if es := pc.GetEntries(); len(es) > 0 {
		st.next = min(st.next, es[0].GetSeq())
	}
	for _, w := range pc.GetWithheld() {
		st.next = min(st.next, w.GetFrom())
	}
	st.next = max(st.next, 1)
}
