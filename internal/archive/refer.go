package archive

import "github.com/throng-im/throng/internal/chat"

// refers is what a message refers to.
type refers struct {
	ReplyTo chat.Seq `json:"reply_to,omitempty"`
}

func encodeRefers(r *chat.Refers) *refers {
	if r == nil {
		return nil
	}
	return &refers{ReplyTo: r.ReplyTo}
}

func (r *refers) decode() *chat.Refers {
	if r == nil {
		return nil
	}
	return &chat.Refers{ReplyTo: r.ReplyTo}
}
