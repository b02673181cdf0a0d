package wire

import (
	"github.com/throng-im/throng/internal/chat"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// refersOf is what a send refers to; nil for nothing.
func refersOf(req *throngv1.SendRequest) *chat.Refers {
	if req.GetReplyTo() == 0 {
		return nil
	}
	return &chat.Refers{ReplyTo: chat.Seq(req.GetReplyTo())}
}

// setRefers tells what a message refers to.
func setRefers(out *throngv1.Entry, r *chat.Refers) {
	if r == nil {
		return
	}
	out.ReplyTo = uint64(r.ReplyTo)
}

func refersFrom(e *throngv1.Entry) *chat.Refers {
	if e.GetReplyTo() == 0 {
		return nil
	}
	return &chat.Refers{ReplyTo: chat.Seq(e.GetReplyTo())}
}
