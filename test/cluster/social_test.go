package cluster_test

import (
	"connectrpc.com/connect"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// friends is REL-14: who changes something about somebody on one device has it on the others, and the other one has it, too, whichever
// nodes they are on. Lists are read where a session says that they changed, and never otherwise.
func friends(w *world) {
	users := w.people(2)
	phone, desk, other := w.join(0, users[0]), w.join(1, users[0]), w.join(2, users[1])
	lists := map[*device]*client.Relations{}
	for _, d := range []*device{phone, desk, other} {
		lists[d] = client.NewRelations(d.API())
		w.must("reading a list", lists[d].Sync(w.ctx()))
	}
	sees := func(what string, d *device, of client.UserID, ok func(r *throngv1.Relation) bool) {
		w.t.Helper()
		w.until(what, func() bool {
			if d.news() {
				w.must("reading a list", lists[d].Sync(w.ctx()))
			}
			return ok(lists[d].Of(of))
		})
	}
	is := func(f throngv1.Friendship) func(r *throngv1.Relation) bool {
		return func(r *throngv1.Relation) bool { return r.GetFriendship() == f }
	}
	_, err := phone.API().Social.RequestFriend(w.ctx(), connect.NewRequest(&throngv1.RequestFriendRequest{User: uint64(users[1]), Note: "hi"}))
	w.must("requesting", err)
	sees("the other one is asked", other, users[0], func(r *throngv1.Relation) bool {
		return r.GetFriendship() == throngv1.Friendship_FRIENDSHIP_INCOMING && r.GetNote() == "hi"
	})
	sees("the other device knows", desk, users[1], is(throngv1.Friendship_FRIENDSHIP_REQUESTED))
	_, err = other.API().Social.AcceptFriend(w.ctx(), connect.NewRequest(&throngv1.AcceptFriendRequest{User: uint64(users[0])}))
	w.must("accepting", err)
	sees("they are friends", phone, users[1], is(throngv1.Friendship_FRIENDSHIP_FRIENDS))
	sees("they are friends", desk, users[1], is(throngv1.Friendship_FRIENDSHIP_FRIENDS))
	_, err = desk.API().Social.SetRemark(w.ctx(), connect.NewRequest(&throngv1.SetRemarkRequest{User: uint64(users[1]), Remark: "Bobby"}))
	w.must("remembering", err)
	sees("the remark", phone, users[1], func(r *throngv1.Relation) bool { return r.GetRemark() == "Bobby" })
	_, err = other.API().Social.Unfriend(w.ctx(), connect.NewRequest(&throngv1.UnfriendRequest{User: uint64(users[0])}))
	w.must("ending it", err)
	sees("it is over, and the remark stays", phone, users[1], func(r *throngv1.Relation) bool {
		return r.GetFriendship() == throngv1.Friendship_FRIENDSHIP_UNSPECIFIED && r.GetRemark() == "Bobby"
	})
	sees("it is over", other, users[0], func(r *throngv1.Relation) bool { return r == nil })
}
