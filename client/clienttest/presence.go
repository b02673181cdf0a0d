package clienttest

import (
	"slices"

	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Be has a user there in a way, and tells the sessions that watch.
func (s *Server) Be(user uint64, state throngv1.PresenceState) {
	s.mu.Lock()
	if s.there == nil {
		s.there = map[uint64]throngv1.PresenceState{}
	}
	s.there[user] = state
	s.mu.Unlock()
	for _, ss := range s.list() {
		ss.mu.Lock()
		watches := ss.watch[user]
		ss.mu.Unlock()
		if watches {
			ss.Push(&throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_PresenceChanged{PresenceChanged: &throngv1.PresenceChanged{
				People: []*throngv1.Presence{{User: user, State: state}},
			}}})
		}
	}
}

func (s *Server) setPresence(ss *Session, id uint64, r *throngv1.SetPresenceRequest) {
	ss.Answer(id, &throngv1.Response{Result: &throngv1.Response_SetPresence{SetPresence: &throngv1.SetPresenceResponse{}}})
	state := r.GetState()
	if r.GetSuspended() {
		state = throngv1.PresenceState_PRESENCE_STATE_OFFLINE
	}
	s.Be(ss.User(), state)
}

// shown is how a user is there. The caller holds mu.
func (s *Server) shown(user uint64) *throngv1.Presence {
	return &throngv1.Presence{User: user, State: max(s.there[user], throngv1.PresenceState_PRESENCE_STATE_OFFLINE)}
}

func (s *Server) watch(ss *Session, id uint64, r *throngv1.WatchRequest) {
	watch := map[uint64]bool{}
	res := &throngv1.WatchResponse{}
	s.mu.Lock()
	for _, p := range r.GetPeople() {
		watch[p.GetUser()] = true
	}
	for _, id := range r.GetConversations() {
		switch c := s.convs[id]; {
		case c == nil || !slices.Contains(c.members, ss.User()):
		case c.tier != throngv1.Tier_TIER_SMALL && c.tier != throngv1.Tier_TIER_UNSPECIFIED:
			res.Counts = append(res.Counts, &throngv1.OnlineCount{Conversation: id, Online: uint32(len(c.members))})
		default:
			for _, u := range c.members {
				if u != ss.User() {
					watch[u] = true
				}
			}
		}
	}
	for u := range watch {
		res.People = append(res.People, s.shown(u))
	}
	s.mu.Unlock()
	ss.mu.Lock()
	ss.watch = watch
	ss.mu.Unlock()
	ss.Answer(id, &throngv1.Response{Result: &throngv1.Response_Watch{Watch: res}})
}

func (s *Server) listOnline(ss *Session, id uint64, r *throngv1.ListOnlineRequest) {
	s.mu.Lock()
	c := s.convs[r.GetConversation()]
	res := &throngv1.ListOnlineResponse{}
	if c != nil {
		for _, u := range c.members {
			if p := s.shown(u); p.GetState() > throngv1.PresenceState_PRESENCE_STATE_OFFLINE {
				res.People = append(res.People, p)
			}
		}
	}
	s.mu.Unlock()
	if c == nil {
		ss.Refuse(id, throngv1.Code_CODE_NOT_FOUND, "conversation_not_found", 0)
		return
	}
	ss.Answer(id, &throngv1.Response{Result: &throngv1.Response_ListOnline{ListOnline: res}})
}
