package client

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"

	"connectrpc.com/connect"

	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Relations is the user's list of relations to others: friends, requests, follows and remarks. It starts empty; Sync brings what changed
// since the last time, on whichever device. All methods may be called from any goroutine.
type Relations struct {
	api *API

	syncing sync.Mutex // held by the one Sync under way

	mu     sync.Mutex
	cursor *throngv1.RelationCursor
	of     map[UserID]*throngv1.Relation
}

// NewRelations makes an empty list.
func NewRelations(api *API) *Relations {
	return &Relations{api: api, of: make(map[UserID]*throngv1.Relation)}
}

// Sync brings the list to what the server has. Call it when the client gets Online, upon RelationsChanged, and upon Reset.
func (r *Relations) Sync(ctx context.Context) error {
	r.syncing.Lock()
	defer r.syncing.Unlock()
	for more := true; more; {
		r.mu.Lock()
		at := r.cursor
		r.mu.Unlock()
		resp, err := r.api.Social.ListRelations(ctx, connect.NewRequest(&throngv1.ListRelationsRequest{Cursor: at}))
		if err != nil {
			return err
		}
		r.take(resp.Msg)
		more = resp.Msg.GetMore()
	}
	return nil
}

func (r *Relations) take(m *throngv1.ListRelationsResponse) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m.GetReset_() {
		clear(r.of)
	}
	for _, v := range m.GetRelations() {
		if gone(v) {
			delete(r.of, UserID(v.GetUser()))
		} else {
			r.of[UserID(v.GetUser())] = v
		}
	}
	r.cursor = m.GetCursor()
}

// gone reports that there is nothing between the two.
func gone(v *throngv1.Relation) bool {
	return v.GetFriendship() == throngv1.Friendship_FRIENDSHIP_UNSPECIFIED && !v.GetFollowing() && !v.GetBlocked() && v.GetRemark() == ""
}

// Of is the relation to a user; nil where there is none. It is shared: do not change it.
func (r *Relations) Of(user UserID) *throngv1.Relation {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.of[user]
}

// All returns the list, by user. Its items are shared.
func (r *Relations) All() []*throngv1.Relation {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.SortedFunc(maps.Values(r.of), func(a, b *throngv1.Relation) int { return cmp.Compare(a.GetUser(), b.GetUser()) })
}
