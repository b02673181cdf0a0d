package fanout

import (
	"context"
	"slices"

	"github.com/throng-im/throng/internal/chat"
)

// membersPage is how many members one read of the directory brings.
const membersPage = 1_000

// movement is how an entry changes who is a member.
type movement struct {
	entering []chat.UserID
	leaving  []chat.UserID
}

func (m movement) none() bool { return len(m.entering) == 0 && len(m.leaving) == 0 }

func movementOf(e *chat.Entry) movement {
	in, out := e.Moves()
	return movement{entering: in, leaving: out}
}

// apply returns the members after a movement; the list given stays as it is.
func (m movement) apply(members []chat.UserID) []chat.UserID {
	if m.none() {
		return members
	}
	out := make([]chat.UserID, 0, len(members)+len(m.entering))
	for _, u := range members {
		if mutant == mutantRemovedServed || !slices.Contains(m.leaving, u) {
			out = append(out, u)
		}
	}
	for _, u := range m.entering {
		if !slices.Contains(out, u) {
			out = append(out, u)
		}
	}
	return out
}

// with returns a list with more users in it; the list given stays as it is.
func with(list, more []chat.UserID) []chat.UserID {
	out := list
	for _, u := range more {
		if !slices.Contains(out, u) {
			out = append(slices.Clip(out), u)
		}
	}
	return out
}

// load reads who is a member now and sees the seq.
func (f *follower) load(ctx context.Context, id chat.ConversationID, seq chat.Seq) ([]chat.UserID, error) {
	f.metrics.loads.Inc()
	users := []chat.UserID{}
	after := chat.UserID(0)
	for {
		page, err := f.members.Members(ctx, id, after, membersPage, 0)
		if err != nil {
			if chat.AsError(err).Code == chat.CodeNotFound {
				return users, nil
			}
			return nil, err
		}
		for i := range page {
			if mutant == mutantUnfiltered || page[i].Sees(seq) {
				users = append(users, page[i].User)
			}
		}
		if len(page) < membersPage {
			return users, nil
		}
		after = page[len(page)-1].User
	}
}
