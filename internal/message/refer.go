package message

import "github.com/throng-im/throng/internal/chat"

// refers is what a message refers to, as its entry has it: nothing that is not the sender's to see. An import repeats what was decided.
func (c *change) refers() (*chat.Refers, *chat.Error) {
	r := c.draft.Refers
	reply := r.Reply()
	switch {
	case reply == 0:
		return nil, nil //nolint:nilnil // most messages refer to nothing
	case c.draft.TimeMS != 0 && reply <= c.head.Seq:
		return r, nil
	case c.part.Hidden.Contains(reply):
		return nil, errNoMessage()
	}
	if _, err := c.target(reply); err != nil {
		return nil, err
	}
	return r, nil
}
