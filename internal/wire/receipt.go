package wire

import (
	"github.com/throng-im/throng/internal/chat"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Receipts are where members stand.
func Receipts(list []chat.Receipt) []*throngv1.Receipt {
	out := make([]*throngv1.Receipt, len(list))
	for i, r := range list {
		out[i] = &throngv1.Receipt{User: uint64(r.User), ReadSeq: uint64(r.Read), GotSeq: uint64(r.Got)}
	}
	return out
}

// hidden are spans that a member has deleted.
func hidden(h chat.Hidden) (out []*throngv1.HiddenSpan) {
	if h == "" {
		return nil
	}
	for _, s := range h.Spans() {
		out = append(out, &throngv1.HiddenSpan{From: uint64(s.From), To: uint64(s.To), BeforeOrdinal: uint64(s.Before), LastOrdinal: uint64(s.Last)})
	}
	return out
}

// Hide reads what a member deletes.
func Hide(req *throngv1.HideEntriesRequest) (chat.ConversationID, []chat.Span, error) {
	id, err := ConversationID(req.GetConversation())
	if err != nil {
		return 0, nil, err
	}
	if n := len(req.GetSpans()); n == 0 || n > chat.MaxHidden {
		return 0, nil, chat.Errorf(chat.CodeInvalid, chat.ReasonFieldInvalid, "1 to %d spans of entries are deleted at once", chat.MaxHidden)
	}
	spans := make([]chat.Span, len(req.GetSpans()))
	for i, s := range req.GetSpans() {
		spans[i] = chat.Span{From: chat.Seq(s.GetFrom()), To: chat.Seq(s.GetTo())}
	}
	return id, spans, nil
}
