package presence

import (
	"context"

	"github.com/throng-im/throng/internal/chat"
)

// MaxOnline is how many people a page of [Hub.ListOnline] has at most, scanned is how many members are looked at for it.
const MaxOnline, scanned = 200, 1_000

// Read answers how people are now for a user who asks; who may not be seen is offline.
func (h *Hub) Read(ctx context.Context, user chat.UserID, people []Named) ([]Status, error) {
	q := Watch{User: user, People: people}
	if len(people) > MaxWatched {
		return nil, chat.Errorf(chat.CodeTooLarge, chat.ReasonFieldInvalid, "at most %d people are asked for at once", MaxWatched)
	}
	via, _, _, err := h.resolve(ctx, &q)
	if err != nil {
		return nil, err
	}
	users := make([]chat.UserID, 0, len(via))
	for u := range via {
		users = append(users, u)
	}
	list, err := h.deps.Store.Read(ctx, users)
	if err != nil {
		return nil, err //nolint:wrapcheck // a port answers in our own errors
	}
	for _, n := range people {
		if _, may := via[n.User]; !may {
			list = append(list, Status{User: n.User})
		}
	}
	return list, nil
}

// OnlinePage is a part of who is there of a conversation's members.
type OnlinePage struct {
	People []Status
	// Next is where the next page begins; 0 after the last one. A page may be empty before that.
	Next chat.UserID
	// Online is about how many are there; 0 where only the small know each other by name.
	Online uint32
}

// ListOnline returns members of a conversation who are there, above after by rising id.
func (h *Hub) ListOnline(ctx context.Context, user chat.UserID, id chat.ConversationID, after chat.UserID, limit int) (OnlinePage, error) {
	head, member, err := h.deps.Rooms.Standing(ctx, user, id)
	if err != nil {
		return OnlinePage{}, err //nolint:wrapcheck // a port answers in our own errors
	}
	if !member {
		return OnlinePage{}, chat.Errorf(chat.CodeNotFound, chat.ReasonConversationNotFound, "no such conversation")
	}
	if limit <= 0 || limit > MaxOnline {
		limit = MaxOnline
	}
	var out OnlinePage
	if head.Tier > chat.TierSmall {
		counts, err := h.counts(ctx, []chat.ConversationID{id})
		if err != nil {
			return OnlinePage{}, err
		}
		out.Online = counts[0].Online
	}
	members, err := h.deps.Rooms.Page(ctx, id, after, scanned)
	if err != nil {
		return OnlinePage{}, err //nolint:wrapcheck // as above
	}
	via := make(map[chat.UserID]chat.ConversationID, len(members))
	for _, u := range members {
		via[u] = id
	}
	if _, err := h.hide(ctx, user, via); err != nil {
		return OnlinePage{}, err
	}
	list, err := h.deps.Store.Read(ctx, members)
	if err != nil {
		return OnlinePage{}, err //nolint:wrapcheck // as above
	}
	for i, s := range list {
		if _, may := via[s.User]; may && s.State != Offline {
			out.People = append(out.People, s)
		}
		if len(out.People) == limit && i < len(list)-1 {
			out.Next = s.User
			return out, nil
		}
	}
	if len(members) == scanned {
		out.Next = members[len(members)-1]
	}
	return out, nil
}
