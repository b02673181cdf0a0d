package timeline

import (
	"context"
	"fmt"
	"slices"

	"github.com/throng-im/throng/internal/chat"
)

// pass is what a run of events left: membership changes in their order, and for each conversation whether it went on and
// who read in it.
type pass struct {
	pos     chat.Position
	touched map[chat.ConversationID]*touched
	order   []chat.ConversationID // of touched, by first event
	size    int                   // about how many changes it will make
	events  int
}

// touched is what happened to one conversation.
type touched struct {
	memberSeq chat.Seq      // of the last event's head
	wentOn    bool          // an entry was appended while it was small, or made it larger
	changes   []Change      // of membership
	readers   []chat.UserID // each once; all are members, so those of a conversation that went on need no look
}

func newPass() *pass { return &pass{touched: make(map[chat.ConversationID]*touched)} }

func (p *pass) add(events []chat.Event) {
	p.events += len(events)
	for i := range events {
		e := &events[i]
		if !e.Known() {
			continue
		}
		t := p.at(e.Head.Conversation)
		t.memberSeq = max(t.memberSeq, e.Head.MemberSeq)
		small := e.Head.Tier <= chat.TierSmall
		switch {
		case e.Entry == nil && small:
			if !slices.Contains(t.readers, e.Reader) {
				t.readers = append(t.readers, e.Reader)
				p.size++
			}
		case e.Entry != nil:
			before := len(t.changes)
			t.changes = append(t.changes, memberships(e.Entry, !small)...)
			// One that grows out of the small tier tells its members: what is remembered of their timelines does not know it.
			t.wentOn = t.wentOn || small || e.Was == chat.TierSmall
			p.size += 1 + len(t.changes) - before
		default:
			// A read position above the small tier: every sync shows it.
		}
	}
}

func (p *pass) at(id chat.ConversationID) *touched {
	t, ok := p.touched[id]
	if !ok {
		t = &touched{}
		p.touched[id] = t
		p.order = append(p.order, id)
	}
	return t
}

// memberships are the changes that an entry makes to who is in its conversation. Who comes into a larger conversation gets
// no place in the order of changes, since every sync shows those; who goes does, since no sync shows them after that.
func memberships(e *chat.Entry, larger bool) []Change {
	var (
		users []chat.UserID
		what  = Entered
	)
	switch b := e.Body.(type) {
	case chat.Created:
		users = b.Members
	case chat.MembersChanged:
		switch b.Action {
		case chat.MemberAdded, chat.MemberJoined:
			users = b.Users
		case chat.MemberLeft, chat.MemberRemoved:
			users, what = b.Users, Ended
		case chat.MemberRole, chat.MemberTransferred, chat.MemberMuted, chat.MemberNamed, chat.MemberBanned, chat.MemberUnbanned:
		}
	default:
	}
	changes := make([]Change, len(users))
	for i, u := range users {
		changes[i] = Change{
			User: u, Conversation: e.Conversation, Membership: what, Seq: e.Seq, Quiet: larger && what == Entered,
		}
	}
	return changes
}

// changes turns a pass into the rows to write.
func (f *Follower) changes(ctx context.Context, p *pass) ([]Change, error) {
	out := make([]Change, 0, p.size)
	for _, id := range p.order {
		t := p.touched[id]
		out = append(out, t.changes...)
		users := t.readers
		if t.wentOn {
			members, err := f.members.of(ctx, id, t.memberSeq)
			if err != nil {
				return nil, fmt.Errorf("reading the members of conversation %d: %w", id, err)
			}
			users = members
		}
		out = f.marks.unseen(out, id, users, served(t.changes))
	}
	return out, nil
}

// served are the users who get a place in the order of changes by a change of membership and need no other one.
func served(changes []Change) map[chat.UserID]struct{} {
	if len(changes) == 0 {
		return nil
	}
	users := make(map[chat.UserID]struct{}, len(changes))
	for _, c := range changes {
		if !c.Quiet {
			users[c.User] = struct{}{}
		}
	}
	return users
}
