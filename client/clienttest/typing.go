package clienttest

import throngv1 "github.com/throng-im/throng/proto/throng/v1"

// typing tells the other members who is typing, as a server does that leaves nothing out.
func (s *Server) typing(ss *Session, r *throngv1.TypingRequest) {
	s.Type(r.GetConversation(), ss.User())
}

// Type tells all other members that one of them is typing.
func (s *Server) Type(conv, user uint64) {
	s.mu.Lock()
	c := s.convs[conv]
	s.mu.Unlock()
	if c == nil {
		return
	}
	for _, ss := range s.members(c) {
		if ss.User() != user {
			ss.Push(&throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Typing{Typing: &throngv1.Typing{Conversation: conv, User: user}}})
		}
	}
}
