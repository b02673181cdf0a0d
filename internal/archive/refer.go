package archive

import "github.com/throng-im/throng/internal/chat"

// refers is what a message refers to.
type refers struct {
	ReplyTo    chat.Seq      `json:"reply_to,omitempty"`
	Mentions   []chat.UserID `json:"mentions,omitempty"`
	MentionAll bool          `json:"mention_all,omitempty"`
}

func encodeRefers(r *chat.Refers) *refers {
	if r.Empty() {
		return nil
	}
	return &refers{ReplyTo: r.ReplyTo, Mentions: r.Mentions, MentionAll: r.All}
}

// decode reads it; id is what a user is called in the target. In a conversation that stood there before, messages have other seqs.
func (r *refers) decode(shared bool, id func(chat.UserID) (chat.UserID, error)) (*chat.Refers, error) {
	if r == nil {
		return nil, nil //nolint:nilnil // most messages refer to nothing
	}
	out := &chat.Refers{ReplyTo: r.ReplyTo, All: r.MentionAll}
	if shared {
		out.ReplyTo = 0
	}
	for _, user := range r.Mentions {
		to, err := id(user)
		if err != nil {
			return nil, err
		}
		out.Mentions = append(out.Mentions, to)
	}
	return out, nil
}
