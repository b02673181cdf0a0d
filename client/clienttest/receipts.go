package clienttest

import (
	"slices"

	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Stand has a member's receipt be as given, and tells the sessions of all members, whatever they have in focus.
func (s *Server) Stand(conversation uint64, is *throngv1.Receipt) {
	s.mu.Lock()
	if s.stands == nil {
		s.stands = map[uint64][]*throngv1.Receipt{}
	}
	s.stands[conversation] = append(slices.DeleteFunc(s.stands[conversation], func(r *throngv1.Receipt) bool { return r.GetUser() == is.GetUser() }), is)
	s.mu.Unlock()
	for _, ss := range s.list() {
		ss.Push(&throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_ReceiptsMoved{ReceiptsMoved: &throngv1.ReceiptsMoved{
			Conversation: conversation, Receipts: []*throngv1.Receipt{is},
		}}})
	}
}

func (s *Server) listReceipts(ss *Session, id uint64, r *throngv1.ListReceiptsRequest) {
	s.mu.Lock()
	list := slices.Clone(s.stands[r.GetConversation()])
	s.mu.Unlock()
	ss.Answer(id, &throngv1.Response{Result: &throngv1.Response_ListReceipts{ListReceipts: &throngv1.ListReceiptsResponse{Receipts: list}}})
}

func (s *Server) getReceipts(ss *Session, id uint64, r *throngv1.GetReceiptsRequest) {
	s.mu.Lock()
	res := &throngv1.GetReceiptsResponse{}
	for _, is := range s.stands[r.GetConversation()] {
		res.Of++
		if is.GetReadSeq() >= r.GetSeq() {
			res.Read = append(res.Read, is.GetUser())
			res.ReadCount++
		}
		if is.GetGotSeq() >= r.GetSeq() {
			res.Got = append(res.Got, is.GetUser())
			res.GotCount++
		}
	}
	s.mu.Unlock()
	ss.Answer(id, &throngv1.Response{Result: &throngv1.Response_GetReceipts{GetReceipts: res}})
}

// Hide deletes entries for a user alone, in place of those before, and tells the user's sessions.
func (s *Server) Hide(conv, uid uint64, spans ...*throngv1.HiddenSpan) {
	s.mu.Lock()
	c := s.convs[conv]
	if c.hidden == nil {
		c.hidden = map[uint64][]*throngv1.HiddenSpan{}
	}
	c.hidden[uid] = spans
	s.user(uid).change(conv)
	s.mu.Unlock()
	for _, ss := range s.Sessions(uid) {
		ss.Push(&throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_SettingsChanged{SettingsChanged: &throngv1.SettingsChanged{
			Conversation: conv, Settings: &throngv1.ConversationSettings{Hidden: spans},
		}}})
	}
}
