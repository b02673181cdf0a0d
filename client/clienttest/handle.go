package clienttest

import (
	"cmp"
	"slices"
	"time"

	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

func (s *Server) handle(ss *Session, env *throngv1.ClientEnvelope) {
	id := env.GetId()
	if _, ok := env.GetRequest().(*throngv1.ClientEnvelope_Authenticate); !ok && ss.User() == 0 {
		ss.Close(uint16(throngv1.CloseCode_CLOSE_CODE_AUTH_EXPECTED), "authentication_expected")
		return
	}
	switch r := env.GetRequest().(type) {
	case *throngv1.ClientEnvelope_Authenticate:
		s.authenticate(ss, id, r.Authenticate)
	case *throngv1.ClientEnvelope_Send:
		s.send(ss, id, r.Send)
	case *throngv1.ClientEnvelope_ListEntries:
		s.listEntries(ss, id, r.ListEntries)
	case *throngv1.ClientEnvelope_MarkRead:
		s.markRead(ss, id, r.MarkRead)
	case *throngv1.ClientEnvelope_Sync:
		s.sync(ss, id, r.Sync)
	case *throngv1.ClientEnvelope_Heartbeat:
		s.heartbeat(ss, id)
	case *throngv1.ClientEnvelope_Focus:
		s.focus(ss, id, r.Focus)
	case *throngv1.ClientEnvelope_Typing:
		s.typing(ss, r.Typing)
	case *throngv1.ClientEnvelope_SetPresence:
		s.setPresence(ss, id, r.SetPresence)
	case *throngv1.ClientEnvelope_Watch:
		s.watch(ss, id, r.Watch)
	case *throngv1.ClientEnvelope_ListOnline:
		s.listOnline(ss, id, r.ListOnline)
	case *throngv1.ClientEnvelope_ListReceipts:
		s.listReceipts(ss, id, r.ListReceipts)
	case *throngv1.ClientEnvelope_GetReceipts:
		s.getReceipts(ss, id, r.GetReceipts)
	case *throngv1.ClientEnvelope_Received:
		ss.mu.Lock()
		for _, p := range r.Received.GetPositions() {
			ss.received[p.GetConversation()] = max(ss.received[p.GetConversation()], p.GetSeq())
		}
		ss.mu.Unlock()
	default:
		ss.Refuse(id, throngv1.Code_CODE_UNSUPPORTED, "unsupported", 0)
	}
}

func (s *Server) authenticate(ss *Session, id uint64, r *throngv1.AuthenticateRequest) {
	u := userOf(r.GetToken())
	s.mu.Lock()
	bad := u == 0 || s.user(u).revoked
	epoch, degraded := s.epoch, s.degraded
	s.mu.Unlock()
	if bad {
		ss.Refuse(id, throngv1.Code_CODE_UNAUTHENTICATED, "token_invalid", 0)
		ss.Close(uint16(throngv1.CloseCode_CLOSE_CODE_AUTH_FAILED), "token_invalid")
		return
	}
	ss.mu.Lock()
	ss.user = u
	ss.mu.Unlock()
	now := uint64(time.Now().UnixMilli())
	a := &throngv1.AuthenticateResponse{
		User: u, Device: 1, HeartbeatMs: s.HeartbeatMS, TimeMs: now, Epoch: epoch,
		Limits: &throngv1.Limits{FrameBytes: s.FrameBytes, RequestsInFlight: s.InFlight, FocusConversations: maxFocus},
	}
	if s.TokenMS > 0 {
		a.ExpiresMs = now + s.TokenMS
	}
	ss.Answer(id, &throngv1.Response{Result: &throngv1.Response_Authenticate{Authenticate: a}})
	if degraded.GetLevel() > 0 {
		ss.Push(degradation(degraded))
	}
}

func (s *Server) send(ss *Session, id uint64, r *throngv1.SendRequest) {
	s.order.Lock()
	defer s.order.Unlock()
	s.mu.Lock()
	c := s.convs[r.GetConversation()]
	if c == nil || !slices.Contains(c.members, ss.User()) {
		s.mu.Unlock()
		ss.Refuse(id, throngv1.Code_CODE_NOT_FOUND, "conversation_not_found", 0)
		return
	}
	key := string(r.GetClientId())
	seq, repeat := c.repeats[key]
	var e *throngv1.Entry
	if repeat {
		e = c.log[seq-1]
	} else if wait := c.mustWait(ss.User(), time.Now()); wait > 0 {
		s.mu.Unlock()
		ss.Refuse(id, throngv1.Code_CODE_RATE_LIMITED, "slow_mode", uint32((wait + time.Millisecond - 1).Milliseconds()))
		return
	} else {
		e = &throngv1.Entry{
			Sender: ss.User(), ClientId: r.GetClientId(), Body: &throngv1.Entry_Text{Text: r.GetText()}, ReplyTo: r.GetReplyTo(),
			MentionAll: r.GetMentionAll(), Mentions: slices.DeleteFunc(r.GetMentions(), func(u uint64) bool { return !slices.Contains(c.members, u) }),
		}
		switch {
		case r.GetEdit() != nil:
			e.Body = &throngv1.Entry_Edit{Edit: r.GetEdit()}
		case r.GetRecall() != nil:
			e.Body = &throngv1.Entry_Recall{Recall: r.GetRecall()}
		case r.GetPin() != nil:
			e.Body = &throngv1.Entry_Pin{Pin: r.GetPin()}
		}
		e = s.add(c, e)
		c.repeats[key] = e.GetSeq()
	}
	s.mu.Unlock()
	ss.Answer(id, &throngv1.Response{Result: &throngv1.Response_Send{Send: &throngv1.SendResponse{
		Seq: e.GetSeq(), Ordinal: e.GetOrdinal(), TimeMs: e.GetTimeMs(), Repeat: repeat,
	}}})
	if !repeat {
		s.Deliver(c.id, e, ss)
	}
}

func (s *Server) listEntries(ss *Session, id uint64, r *throngv1.ListEntriesRequest) {
	s.mu.Lock()
	c := s.convs[r.GetConversation()]
	if c == nil || c.sees(ss.User()) == 0 {
		s.mu.Unlock()
		ss.Refuse(id, throngv1.Code_CODE_NOT_FOUND, "conversation_not_found", 0)
		return
	}
	head := c.sees(ss.User())
	from, to, limit := r.GetFrom(), r.GetTo(), uint64(min(cmp.Or(r.GetLimit(), 50), 200))
	if to == 0 || to > head {
		to = head
	}
	if from == 0 || r.GetBackward() {
		from = max(from, to-min(to, limit)+1)
	}
	to = min(to, from+limit-1)
	resp := &throngv1.ListEntriesResponse{Conversation: c.id, HeadSeq: head, HeadOrdinal: c.log[head-1].GetOrdinal()}
	if from <= to {
		resp.Covered = &throngv1.Span{From: from, To: to}
		resp.Entries, resp.Withheld = c.cut(ss.User(), from, to)
	}
	if c.tier != throngv1.Tier_TIER_SMALL {
		resp.Profiles = profiles(resp.GetEntries())
	}
	s.mu.Unlock()
	ss.Answer(id, &throngv1.Response{Result: &throngv1.Response_ListEntries{ListEntries: resp}})
}

// cut returns the entries of a span that the user may see, and the spans of the rest.
func (c *conversation) cut(user, from, to uint64) (es []*throngv1.Entry, withheld []*throngv1.Span) {
	hidden := func(seq uint64) bool {
		return slices.ContainsFunc(c.withheld[user], func(w *throngv1.Span) bool {
			return w.GetFrom() <= seq && seq <= w.GetTo()
		}) || slices.ContainsFunc(c.hidden[user], func(w *throngv1.HiddenSpan) bool {
			return w.GetFrom() <= seq && seq <= w.GetTo()
		})
	}
	for seq := from; seq <= to; seq++ {
		if !hidden(seq) {
			es = append(es, visible(c.log[seq-1], user))
			continue
		}
		if n := len(withheld); n > 0 && withheld[n-1].GetTo() == seq-1 {
			withheld[n-1].To = seq
		} else {
			withheld = append(withheld, &throngv1.Span{From: seq, To: seq})
		}
	}
	return es, withheld
}

func (s *Server) markRead(ss *Session, id uint64, r *throngv1.MarkReadRequest) {
	s.mu.Lock()
	c, u := s.convs[r.GetConversation()], s.user(ss.User())
	if c == nil || r.GetSeq() > c.sees(ss.User()) {
		s.mu.Unlock()
		ss.Refuse(id, throngv1.Code_CODE_INVALID, "read_beyond_head", 0)
		return
	}
	u.read[c.id] = max(u.read[c.id], r.GetSeq())
	seq, ord, unread := c.unread(ss.User(), u)
	s.mu.Unlock()
	ss.Answer(id, &throngv1.Response{Result: &throngv1.Response_MarkRead{MarkRead: &throngv1.MarkReadResponse{
		ReadSeq: seq, ReadOrdinal: ord, Unread: unread,
	}}})
	for _, other := range s.Sessions(ss.User()) {
		if other != ss {
			other.Push(&throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_ReadChanged{
				ReadChanged: &throngv1.ReadChanged{Conversation: c.id, ReadSeq: seq, ReadOrdinal: ord},
			}})
		}
	}
}

func (c *conversation) unread(id uint64, u *user) (seq, ordinal, unread uint64) {
	if seq = u.read[c.id]; seq > 0 {
		ordinal = c.log[seq-1].GetOrdinal()
	}
	unread = c.log[c.sees(id)-1].GetOrdinal() - ordinal
	for _, w := range c.hidden[id] {
		for at := max(w.GetFrom(), seq+1); at <= w.GetTo(); at++ {
			unread-- // all in these logs count
		}
	}
	return seq, ordinal, unread
}

func (s *Server) total(id uint64) uint64 {
	var sum uint64
	for _, c := range s.convs {
		if slices.Contains(c.members, id) {
			_, _, n := c.unread(id, s.user(id))
			sum += n
		}
	}
	return sum
}

func (s *Server) sync(ss *Session, id uint64, r *throngv1.SyncRequest) {
	s.mu.Lock()
	uid := ss.User()
	u, cur := s.user(uid), r.GetCursor()
	resp := &throngv1.SyncResponse{TotalUnread: s.total(uid)}
	if cur != nil && (cur.GetEpoch() != s.epoch || cur.GetGeneration() != s.made || cur.GetPts() > u.pts) {
		resp.Reset_, cur = true, nil
	}
	changed := make([]*conversation, 0, len(s.convs))
	var always []*conversation // what no row tells of comes with the last page
	for _, c := range s.convs {
		member := slices.Contains(c.members, uid)
		switch {
		case member && cur == nil, c.sees(uid) > 0 && u.changed[c.id] > cur.GetPts():
			changed = append(changed, c)
		case member && c.tier != throngv1.Tier_TIER_SMALL:
			always = append(always, c)
		}
	}
	slices.SortFunc(changed, func(a, b *conversation) int { return cmp.Compare(u.changed[a.id], u.changed[b.id]) })
	pts := u.pts
	if len(changed) > s.SyncPage {
		changed, resp.More = changed[:s.SyncPage], true
		pts = u.changed[changed[s.SyncPage-1].id]
	} else {
		changed = append(changed, always...)
	}
	resp.Cursor = &throngv1.Cursor{Epoch: s.epoch, Generation: s.made, Pts: pts}
	var above []*throngv1.Entry
	for _, c := range changed {
		v := c.show(uid, u, uint64(r.GetEntries()))
		resp.Conversations = append(resp.Conversations, v)
		if c.tier != throngv1.Tier_TIER_SMALL {
			above = append(above, v.GetEntries()...)
		}
	}
	resp.Profiles = profiles(above)
	s.mu.Unlock()
	ss.Answer(id, &throngv1.Response{Result: &throngv1.Response_Sync{Sync: resp}})
}

func (c *conversation) show(uid uint64, u *user, entries uint64) *throngv1.Conversation {
	n := c.sees(uid)
	read, readOrd, unread := c.unread(uid, u)
	v := &throngv1.Conversation{
		Id: c.id, Kind: c.kind, MemberCount: uint32(len(c.members)) + c.crowd.others, Role: throngv1.Role_ROLE_MEMBER, Head: c.head(n),
		ReadSeq: read, ReadOrdinal: readOrd, Unread: unread, FirstSeq: c.first(uid),
		SlowModeMs: uint32(c.crowd.slow.Milliseconds()),
	}
	if hidden := c.hidden[uid]; len(hidden) > 0 {
		v.Settings = &throngv1.ConversationSettings{Hidden: hidden}
	}
	if !slices.Contains(c.members, uid) {
		v.Role = throngv1.Role_ROLE_UNSPECIFIED
	}
	if entries > 0 {
		v.Entries, v.Withheld = c.cut(uid, n-min(n, entries)+1, n)
	}
	return v
}

func (s *Server) heartbeat(ss *Session, id uint64) {
	s.mu.Lock()
	u := s.user(ss.User())
	resp := &throngv1.HeartbeatResponse{
		Cursor:      &throngv1.Cursor{Epoch: s.epoch, Generation: s.made, Pts: u.pts},
		TotalUnread: s.total(ss.User()), TimeMs: uint64(time.Now().UnixMilli()),
	}
	for _, c := range s.convs {
		if c.tier != throngv1.Tier_TIER_SMALL && slices.Contains(c.members, ss.User()) {
			resp.Heads = append(resp.Heads, c.head(uint64(len(c.log))))
		}
	}
	s.mu.Unlock()
	ss.Answer(id, &throngv1.Response{Result: &throngv1.Response_Heartbeat{Heartbeat: resp}})
}
