package wire

import (
	"github.com/throng-im/throng/internal/chat"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// refersOf is what a send refers to; nil for nothing.
func refersOf(req *throngv1.SendRequest) (*chat.Refers, error) {
	r := chat.Refers{ReplyTo: chat.Seq(req.GetReplyTo()), All: req.GetMentionAll()}
	if list := req.GetMentions(); len(list) > 0 {
		if len(list) > chat.MaxMentions {
			return nil, chat.Errorf(chat.CodeTooLarge, chat.ReasonTooManyMentions, "a message mentions at most %d users", chat.MaxMentions)
		}
		var err error
		if r.Mentions, err = UserIDs(list); err != nil {
			return nil, err
		}
	}
	if r.Empty() {
		return nil, nil //nolint:nilnil // see above
	}
	return &r, nil
}

// setRefers tells what a message refers to.
func setRefers(out *throngv1.Entry, r *chat.Refers) {
	if r == nil {
		return
	}
	out.ReplyTo, out.MentionAll = uint64(r.ReplyTo), r.All
	for _, user := range r.Mentions {
		out.Mentions = append(out.Mentions, uint64(user))
	}
}

func refersFrom(e *throngv1.Entry) *chat.Refers {
	r := chat.Refers{ReplyTo: chat.Seq(e.GetReplyTo()), All: e.GetMentionAll()}
	if len(e.GetMentions()) > 0 {
		r.Mentions = users(e.GetMentions())
	}
	if r.Empty() {
		return nil
	}
	return &r
}
