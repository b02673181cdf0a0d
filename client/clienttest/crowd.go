package clienttest

import (
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"

	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

const (
	maxFocus    = 8
	maxID       = 1<<53 - 1
	chunkLength = 10
	known       = time.Minute // how long a chunk's receivers are taken to remember whom it introduced
)

// crowd is what the server keeps of a large conversation besides its log.
type crowd struct {
	interval, sendWait time.Duration     // of batching; 0: each entry is a chunk of its own
	chunk              []*throngv1.Entry // those that wait for others
	chunks             uint64            // counts them: the clock of one that has gone does not end the next
	introduced         map[uint64]time.Time
	hinted, again      bool   // a hint has gone within the interval; another is to follow
	others             uint32 // members of whom nothing is seen but their number
	slow               time.Duration
	sent               map[uint64]time.Time // member → the last message under slow mode
}

func newCrowd() crowd { return crowd{introduced: map[uint64]time.Time{}, sent: map[uint64]time.Time{}} }

// focus answers S-33 and S-34.
func (s *Server) focus(ss *Session, id uint64, r *throngv1.FocusRequest) {
	ids := r.GetConversations()
	switch {
	case len(ids) > maxFocus:
		ss.Refuse(id, throngv1.Code_CODE_TOO_LARGE, "too_many_conversations", 0)
		return
	case slices.ContainsFunc(ids, func(id uint64) bool { return id == 0 || id > maxID }):
		ss.Refuse(id, throngv1.Code_CODE_INVALID, "id_invalid", 0)
		return
	}
	s.order.Lock()
	defer s.order.Unlock()
	ss.mu.Lock()
	was := ss.focus
	ss.focus = slices.Clone(ids)
	ss.mu.Unlock()
	resp := &throngv1.FocusResponse{}
	var busy []*throngv1.ServerEnvelope
	s.mu.Lock()
	for _, id := range ids {
		c := s.convs[id]
		if c == nil || !slices.Contains(c.members, ss.User()) {
			continue
		}
		resp.Heads = append(resp.Heads, c.head(uint64(len(c.log))))
		if c.crowd.interval > 0 && !slices.Contains(was, id) {
			busy = append(busy, c.batching())
		}
	}
	s.mu.Unlock()
	ss.Answer(id, &throngv1.Response{Result: &throngv1.Response_Focus{Focus: resp}})
	for _, env := range busy {
		ss.Push(env)
	}
}

// Crowd gives a conversation n members more, who never show themselves.
func (s *Server) Crowd(conv uint64, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.convs[conv].crowd.others = uint32(n)
}

// head is where the log ends for one who sees it up to seq.
func (c *conversation) head(seq uint64) *throngv1.Head {
	return &throngv1.Head{Conversation: c.id, Seq: seq, Ordinal: c.log[seq-1].GetOrdinal(), Tier: c.tier}
}

func (c *conversation) batching() *throngv1.ServerEnvelope {
	return &throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Batching{Batching: &throngv1.Batching{
		Conversation: c.id, IntervalMs: uint32(c.crowd.interval.Milliseconds()),
		SendWaitMs: uint32(c.crowd.sendWait.Milliseconds()),
	}}}
}

// looking returns the members' sessions that have a conversation in focus, or those that have not.
func (s *Server) looking(c *conversation, focused bool) []*Session {
	return slices.DeleteFunc(s.members(c), func(ss *Session) bool { return slices.Contains(ss.Focus(), c.id) != focused })
}

// crowded brings an entry to a conversation of which not everybody gets the content. It runs with order held.
func (s *Server) crowded(c *conversation, e *throngv1.Entry) {
	s.mu.Lock()
	hints, batching := s.degraded.GetContentAsHints(), c.crowd.interval
	s.mu.Unlock()
	if !hints {
		s.collect(c, e, batching)
	}
	s.hint(c)
}

// collect adds an entry to the chunk, which ends when it is full, has waited long enough, or at a change of members.
func (s *Server) collect(c *conversation, e *throngv1.Entry, wait time.Duration) {
	s.mu.Lock()
	c.crowd.chunk = append(c.crowd.chunk, e)
	n, number := len(c.crowd.chunk), c.crowd.chunks
	s.mu.Unlock()
	switch {
	case n == chunkLength || wait == 0 || e.GetMembersChanged() != nil:
		s.flush(c)
	case n == 1:
		s.after(wait, func() {
			s.mu.Lock()
			same := c.crowd.chunks == number
			s.mu.Unlock()
			if same {
				s.flush(c)
			}
		})
	}
}

// after runs fn with order held, unless the server is closed before.
func (s *Server) after(wait time.Duration, fn func()) {
	s.run(func() { // ends when the server closes
		t := time.NewTimer(wait)
		defer t.Stop()
		select {
		case <-t.C:
			s.order.Lock()
			defer s.order.Unlock()
			fn()
		case <-s.quit:
		}
	})
}

// flush sends what waits as one chunk, the same for all who have the conversation in focus.
func (s *Server) flush(c *conversation) {
	s.mu.Lock()
	v := &throngv1.Entries{Conversation: c.id}
	now := time.Now()
	for _, e := range c.crowd.chunk {
		e = proto.CloneOf(e)
		e.Conversation, e.ClientId = 0, nil
		v.Entries = append(v.Entries, e)
	}
	for _, p := range profiles(v.GetEntries()) {
		if at, ok := c.crowd.introduced[p.GetUser()]; !ok || now.Sub(at) >= known {
			c.crowd.introduced[p.GetUser()] = now
			v.Profiles = append(v.Profiles, p)
		}
	}
	c.crowd.chunk = nil
	c.crowd.chunks++
	s.mu.Unlock()
	if len(v.GetEntries()) == 0 {
		return
	}
	for _, ss := range s.looking(c, true) {
		ss.Push(&throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Entries{Entries: v}})
	}
}

// profiles returns the senders of entries, each once.
func profiles(es []*throngv1.Entry) (out []*throngv1.Profile) {
	for _, e := range es {
		u := e.GetSender()
		if u != 0 && !slices.ContainsFunc(out, func(p *throngv1.Profile) bool { return p.GetUser() == u }) {
			out = append(out, &throngv1.Profile{User: u, Name: "user " + strconv.FormatUint(u, 10), Version: 1})
		}
	}
	return out
}

// hint tells where the log ends to those who do not get the content: one hint in an interval, with the newest head.
func (s *Server) hint(c *conversation) {
	s.mu.Lock()
	if c.crowd.hinted {
		c.crowd.again = true
		s.mu.Unlock()
		return
	}
	c.crowd.hinted = true
	h := c.head(uint64(len(c.log)))
	hints := s.degraded.GetContentAsHints()
	s.mu.Unlock()
	to := s.looking(c, false)
	if hints {
		to = s.members(c)
	}
	for _, ss := range to {
		ss.Push(&throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Hint{Hint: &throngv1.Hint{
			Conversation: c.id, Seq: h.GetSeq(), Ordinal: h.GetOrdinal(), Tier: h.GetTier(),
		}}})
	}
	s.after(s.HintEvery, func() {
		s.mu.Lock()
		again := c.crowd.again
		c.crowd.hinted, c.crowd.again = false, false
		s.mu.Unlock()
		if again {
			s.hint(c)
		}
	})
}

// Switch changes a conversation's tier at an entry, from which on it is delivered as the new tier has it (DLV-24). Without an entry
// it is one that says that an administrator set the tier.
func (s *Server) Switch(conv uint64, tier throngv1.Tier, e *throngv1.Entry) {
	s.order.Lock()
	defer s.order.Unlock()
	s.mu.Lock()
	c := s.convs[conv]
	s.mu.Unlock()
	s.flush(c)
	if tier != throngv1.Tier_TIER_LARGE {
		s.batch(c, 0, 0)
	}
	if e == nil {
		e = &throngv1.Entry{Body: &throngv1.Entry_ConversationChanged{
			ConversationChanged: &throngv1.ConversationChanged{Tier: &tier},
		}}
	}
	s.mu.Lock()
	c.tier = tier
	s.add(c, e)
	for _, m := range c.members {
		s.user(m).change(conv)
	}
	s.mu.Unlock()
	s.Deliver(conv, e, nil)
}

// Batch makes a large conversation's entries wait for each other, for interval at most, and tells those who have it in focus.
func (s *Server) Batch(conv uint64, interval, sendWait time.Duration) {
	s.order.Lock()
	defer s.order.Unlock()
	s.mu.Lock()
	c := s.convs[conv]
	s.mu.Unlock()
	s.flush(c)
	s.batch(c, interval, sendWait)
}

func (s *Server) batch(c *conversation, interval, sendWait time.Duration) {
	s.mu.Lock()
	same := c.crowd.interval == interval && c.crowd.sendWait == sendWait
	c.crowd.interval, c.crowd.sendWait = interval, sendWait
	s.mu.Unlock()
	if same {
		return
	}
	for _, ss := range s.looking(c, true) {
		s.mu.Lock()
		env := c.batching()
		s.mu.Unlock()
		ss.Push(env)
	}
}

// Degrade tells all sessions what the server leaves out, and leaves the content of medium and large conversations out where it
// says so.
func (s *Server) Degrade(d *throngv1.Degraded) {
	s.order.Lock()
	defer s.order.Unlock()
	s.mu.Lock()
	s.degraded = d
	s.mu.Unlock()
	for _, ss := range s.list() {
		if ss.User() != 0 {
			ss.Push(degradation(d))
		}
	}
}

func degradation(d *throngv1.Degraded) *throngv1.ServerEnvelope {
	return &throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Degraded{Degraded: d}}
}

// SetSlowMode lets a member send one message in a time; everybody is a plain member here. 0 ends it.
func (s *Server) SetSlowMode(conv uint64, every time.Duration) {
	s.mu.Lock()
	c := s.convs[conv]
	c.crowd.slow = every
	clear(c.crowd.sent)
	s.mu.Unlock()
	ms := uint32(every.Milliseconds())
	s.AppendEntry(conv, &throngv1.Entry{Body: &throngv1.Entry_ConversationChanged{
		ConversationChanged: &throngv1.ConversationChanged{SlowModeMs: &ms},
	}})
}

// mustWait returns how long slow mode makes a member wait, and starts the next wait where it does not.
func (c *conversation) mustWait(user uint64, now time.Time) time.Duration {
	if c.crowd.slow == 0 {
		return 0
	}
	if last, ok := c.crowd.sent[user]; ok && now.Sub(last) < c.crowd.slow {
		return c.crowd.slow - now.Sub(last)
	}
	c.crowd.sent[user] = now
	return 0
}
