package client

import (
	"errors"
	"time"

	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

const (
	maxPulls      = 4   // list_entries on their way
	pullPage      = 200 // entries of one
	manyMembers   = 1_000
	pullSpread    = 400 * time.Millisecond // over which the members of a large group pull
	pullRetry     = time.Second
	idleTick      = time.Minute
	maxIncomplete = 1_000 // positions of one received request
)

// tick does what is due and returns when to look again.
func (c *Client) tick(s *session, now time.Time) time.Time {
	next := now.Add(idleTick)
	if s.over {
		return next
	}
	next = sooner(next, c.focusDue(s, now))
	if s.wantSync && !s.syncing {
		if now.Before(s.syncAfter) {
			next = sooner(next, s.syncAfter)
		} else {
			c.sync(s)
		}
	}
	if !s.online {
		return next
	}
	next = sooner(next, c.heartbeat(s, now))
	if !s.reauthAt.IsZero() && !s.renewing {
		if now.Before(s.reauthAt) {
			next = sooner(next, s.reauthAt)
		} else {
			s.renew()
		}
	}
	next = sooner(next, c.acknowledge(s, now))
	next = sooner(next, c.pullDue(s, now))
	next = sooner(next, c.typingDue(now))
	next = sooner(next, c.presenceDue(s, now))
	next = sooner(next, c.receiptsDue(s, now))
	next = sooner(next, c.outbox.release(now))
	c.pump(s)
	return next
}

// heartbeat sends one when it is due, and ends a connection that has gone silent after one.
func (c *Client) heartbeat(s *session, now time.Time) time.Time {
	if !s.beatSent.IsZero() {
		deadline := s.beatSent.Add(heartbeatGrace)
		switch {
		case now.Before(deadline):
			return sooner(deadline, s.nextBeat)
		case s.lastFrame.Before(s.beatSent), !now.Before(s.nextBeat):
			s.end(&CloseError{Code: closeBackoff, Reason: "no answer to the heartbeat"})
			return now
		}
		return s.nextBeat
	}
	if now.Before(s.nextBeat) {
		return s.nextBeat
	}
	s.beatSent, s.nextBeat = now, now.Add(s.every)
	env := &throngv1.ClientEnvelope{Request: &throngv1.ClientEnvelope_Heartbeat{
		Heartbeat: &throngv1.HeartbeatRequest{Digest: s.digest},
	}}
	s.post(env, func(r *throngv1.Response, err error) {
		s.beatSent = time.Time{}
		if err == nil {
			c.digested(s, r.GetHeartbeat())
		}
	})
	return sooner(now.Add(heartbeatGrace), s.nextBeat)
}

// digested compares what the server has with what this device holds: so the loss of a last delivery is found.
func (c *Client) digested(s *session, h *throngv1.HeartbeatResponse) {
	if h == nil {
		return
	}
	s.digest = h.GetDigest()
	c.serverTotal = h.GetTotalUnread()
	for _, head := range h.GetHeads() {
		if cv := c.conversations[ConversationID(head.GetConversation())]; cv != nil {
			c.change(cv, func() { cv.discounted(head.GetSeq(), head.GetRecalled()) })
		}
		c.hinted(ConversationID(head.GetConversation()), head.GetSeq(), head.GetOrdinal(), head.GetTier())
	}
	cur := h.GetCursor()
	if cur == nil {
		return
	}
	if c.cursor == nil || cur.GetEpoch() != c.cursor.GetEpoch() || cur.GetGeneration() != c.cursor.GetGeneration() ||
		cur.GetPts() > c.cursor.GetPts() {
		s.wantSync = true
	}
	c.wake()
}

// acknowledge tells the server, lazily, what has arrived.
func (c *Client) acknowledge(s *session, now time.Time) time.Time {
	if len(c.unacked) == 0 {
		return time.Time{}
	}
	if s.nextAck.IsZero() {
		s.nextAck = now.Add(receivedEvery)
	}
	if now.Before(s.nextAck) {
		return s.nextAck
	}
	s.nextAck = time.Time{}
	req := &throngv1.ReceivedRequest{Positions: make([]*throngv1.Position, 0, min(len(c.unacked), maxIncomplete))}
	for id, cv := range c.unacked {
		if len(req.Positions) == maxIncomplete {
			s.nextAck = now
			break
		}
		delete(c.unacked, id)
		if cv.stream.next > cv.acked+1 {
			cv.acked = cv.stream.next - 1
			req.Positions = append(req.Positions, &throngv1.Position{Conversation: uint64(id), Seq: cv.acked})
		}
	}
	if len(req.Positions) > 0 {
		s.post(&throngv1.ClientEnvelope{Request: &throngv1.ClientEnvelope_Received{Received: req}}, nil)
	}
	return s.nextAck
}

// pullDue asks for what is missing and has been missing for long enough.
func (c *Client) pullDue(s *session, now time.Time) time.Time {
	var next time.Time
	for _, cv := range c.lagging {
		if cv.stream.pulling {
			continue
		}
		if c.lazy(cv) { // by now
			c.behind(cv)
			continue
		}
		due := cv.stream.since
		if len(cv.stream.held) > 0 {
			due = due.Add(c.opts.ReorderWait + cv.view.Batching) // an acknowledgement may overtake the whole chunk
		}
		for _, wait := range []time.Time{cv.stream.notBefore, cv.stream.spread} {
			if wait.After(due) {
				due = wait
			}
		}
		if now.Before(due) {
			next = sooner(next, due)
			continue
		}
		if c.pulls >= maxPulls {
			continue // the answer of one of them wakes the loop
		}
		if !c.events.room() {
			c.starved = true // whoever takes events wakes the loop
			continue
		}
		c.pull(s, cv)
	}
	return next
}

func (c *Client) pull(s *session, cv *conversation) {
	limit := uint64(c.opts.MaxPull)
	if cv.tier == throngv1.Tier_TIER_LARGE && !c.opts.Eager {
		limit = min(limit, openGap)
	}
	if from, to := cv.stream.skip(limit); from != 0 {
		c.hole(cv, from, to)
	}
	from, to := cv.stream.lacks()
	if from == 0 {
		return
	}
	cv.stream.pulling = true
	c.pulls++
	env := &throngv1.ClientEnvelope{Request: &throngv1.ClientEnvelope_ListEntries{
		ListEntries: &throngv1.ListEntriesRequest{
			Conversation: uint64(cv.view.ID), From: from, To: to, Limit: pullPage,
		},
	}}
	s.post(env, func(r *throngv1.Response, err error) {
		cv.stream.pulling = false
		c.pulls--
		c.pulled(cv, from, to, r.GetListEntries(), err)
		c.wake()
	})
}

// hole tells of what is left out. What is kept from before it does not go on with what follows.
func (c *Client) hole(cv *conversation, from, to uint64) {
	clear(cv.window)
	cv.window = cv.window[:0]
	c.events.push(Hole{Conversation: cv.view.ID, From: from, To: to})
}

func (c *Client) pulled(cv *conversation, from, to uint64, page *throngv1.ListEntriesResponse, err error) {
	now := time.Now()
	if err != nil {
		c.pullFailed(cv, err, now)
		return
	}
	if c.conversations[cv.view.ID] != cv {
		return // a reset came between
	}
	c.met(page.GetProfiles())
	moved := false
	for _, w := range page.GetWithheld() {
		moved = moved || (w.GetFrom() <= from && from <= w.GetTo())
		cv.stream.fill(w.GetFrom(), w.GetTo())
	}
	for _, e := range page.GetEntries() {
		moved = moved || e.GetSeq() == from
		cv.stream.add(e)
	}
	if !moved && cv.stream.next == from {
		if page.GetHeadSeq() < from && len(cv.stream.held) == 0 {
			cv.stream.head = from - 1 // what was thought to be there is not for this reader
		} else {
			c.opts.Log.Warn("a page did not fill the gap", "conversation", cv.view.ID, "seq", from)
			c.hole(cv, from, to)
			cv.stream.next = to + 1
		}
	}
	c.advance(cv, now)
}

func (c *Client) pullFailed(cv *conversation, err error, now time.Time) {
	if errors.Is(err, errLinkLost) {
		return // the next connection pulls again
	}
	after := pullRetry
	if e := (*Error)(nil); errors.As(err, &e) {
		if !e.Retryable() {
			c.opts.Log.Warn("pull", "conversation", cv.view.ID, "reason", e.Reason)
			cv.stream.clear()
			cv.stream.head = cv.stream.next - 1
			c.advance(cv, now)
			return
		}
		after = max(after, e.RetryAfter)
	}
	cv.stream.notBefore = now.Add(after)
}
