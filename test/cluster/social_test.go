package cluster_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

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

// send writes to a conversation on a node, and says whether it was appended. Anything but an acknowledgement and not_accepted fails.
func (w *world) send(n int, from client.UserID, conv client.ConversationID, key uint64) bool {
	w.t.Helper()
	id := make([]byte, 16)
	id[0], id[1], id[14], id[15] = 1, byte(n), byte(key>>8), byte(key)
	_, err := w.back(n, from).Messages.Send(w.ctx(), connect.NewRequest(&throngv1.SendRequest{
		Conversation: uint64(conv), ClientId: id, Body: &throngv1.SendRequest_Text{Text: fmt.Sprintf("%d", key)},
	}))
	var e *client.Error
	if errors.As(err, &e) && e.Reason == "not_accepted" {
		return false
	}
	w.must("sending", err)
	return true
}

func (w *world) block(n int, user, other client.UserID, on bool) {
	w.t.Helper()
	_, err := w.back(n, user).Social.SetBlock(w.ctx(), connect.NewRequest(&throngv1.SetBlockRequest{User: uint64(other), Block: on}))
	w.must("blocking", err)
}

// blocked is REL-17: while somebody writes on two nodes at once, the other one blocks on a third. Nothing that is sent after that was answered
// is appended.
func blocked(w *world) {
	users := w.people(2)
	conv, err := w.join(0, users[1]).OpenDirect(w.ctx(), users[0])
	w.must("opening", err)
	var blocked atomic.Bool
	var late, sent atomic.Int64
	var all sync.WaitGroup
	stop := make(chan struct{})
	for n := range 2 {
		all.Go(func() {
			for key := uint64(0); ; key++ {
				select {
				case <-stop:
					return
				default:
				}
				after := blocked.Load()
				if w.send(n, users[0], conv, key) {
					sent.Add(1)
					if after {
						late.Add(1)
					}
				}
			}
		})
	}
	w.until("something is sent", func() bool { return sent.Load() > 5 })
	watcher := w.join(0, users[0])
	watcher.Watch([]client.Watched{{User: users[1]}})
	w.until("the other one is seen", func() bool { return watcher.Presence(users[1]) == isThere })
	w.block(2, users[1], users[0], true)
	blocked.Store(true)
	w.until("who blocks is seen no more", func() bool { return watcher.Presence(users[1]) == isOffline })
	for n := range 3 {
		if w.send(n, users[0], conv, 60_000) {
			w.t.Errorf("node %d takes a message of who is blocked", n)
		}
	}
	close(stop)
	all.Wait()
	if n := late.Load(); n > 0 {
		w.t.Errorf("%d messages were taken after the block was answered", n)
	}
	if !w.send(0, users[1], conv, 1) {
		w.t.Error("who blocks may not write")
	}
	w.block(1, users[1], users[0], false)
	if !w.send(0, users[0], conv, 61_000) {
		w.t.Error("the block was taken away, and the bar stays")
	}
}

// blockedFirst is REL-19: whoever is blocked at the moment of opening the conversation and writing at once.
func blockedFirst(w *world) {
	for range 8 {
		users := w.people(2)
		var conv client.ConversationID
		var all sync.WaitGroup
		all.Go(func() { w.block(1, users[1], users[0], true) })
		all.Go(func() {
			r, err := w.back(0, users[0]).Conversations.OpenDirect(w.ctx(), connect.NewRequest(&throngv1.OpenDirectRequest{User: uint64(users[1])}))
			w.must("opening", err)
			conv = client.ConversationID(r.Msg.GetConversation().GetId())
		})
		all.Wait()
		if w.send(2, users[0], conv, 1) {
			w.t.Error("who is blocked wrote")
		}
	}
}

// friendsOnly is REL-20 to REL-23: who takes messages of friends, or of members of a common group, on whichever nodes they are.
func friendsOnly(w *world) {
	users := w.people(4)
	me, stranger, other, third := users[0], users[1], users[2], users[3]
	set := func(from throngv1.MessagesFrom) {
		_, err := w.back(2, me).Social.UpdatePrivacy(w.ctx(), connect.NewRequest(&throngv1.UpdatePrivacyRequest{MessagesFrom: from}))
		w.must("setting", err)
	}
	open := func(n int, from, to client.UserID) (client.ConversationID, string) {
		r, err := w.back(n, from).Conversations.OpenDirect(w.ctx(), connect.NewRequest(&throngv1.OpenDirectRequest{User: uint64(to)}))
		if reason := refusal(err); reason != "" {
			return 0, reason
		}
		w.must("opening", err)
		return client.ConversationID(r.Msg.GetConversation().GetId()), ""
	}
	key := int64(0)
	write := func(n int, from client.UserID, conv client.ConversationID) string {
		key++
		_, err := w.back(n, from).Messages.Send(w.ctx(), connect.NewRequest(&throngv1.SendRequest{
			Conversation: uint64(conv), ClientId: clientID(key), Body: &throngv1.SendRequest_Text{Text: "hi"},
		}))
		if reason := refusal(err); reason != "" {
			return reason
		}
		w.must("writing", err)
		return ""
	}
	is := func(what, got, want string) {
		w.t.Helper()
		if got != want {
			w.t.Errorf("%s: got %q, want %q", what, got, want)
		}
	}
	conv, _ := open(0, stranger, me)
	is("everybody writes", write(0, stranger, conv), "")
	set(throngv1.MessagesFrom_MESSAGES_FROM_FRIENDS)
	for n := range 3 {
		_, reason := open(n, other, me)
		is("a conversation with a stranger", reason, "friends_only")
	}
	w.until("the conversation that is there is held to it", func() bool { return write(1, stranger, conv) == "friends_only" })
	is("who is written to", write(2, me, conv), "")
	is("answers", write(0, stranger, conv), "")
	mine, reason := open(1, me, third)
	is("one's own conversation", reason, "")
	is("before anything is written", write(0, third, mine), "friends_only")
	is("written", write(1, me, mine), "")
	is("answered", write(0, third, mine), "")

	_, err := w.back(0, other).Social.RequestFriend(w.ctx(), connect.NewRequest(&throngv1.RequestFriendRequest{User: uint64(me)}))
	w.must("requesting", err)
	_, err = w.back(1, me).Social.AcceptFriend(w.ctx(), connect.NewRequest(&throngv1.AcceptFriendRequest{User: uint64(other)}))
	w.must("accepting", err)
	friend, reason := open(2, other, me)
	is("a friend", reason, "")
	is("a friend writes", write(0, other, friend), "")
	_, err = w.back(2, me).Social.Unfriend(w.ctx(), connect.NewRequest(&throngv1.UnfriendRequest{User: uint64(other)}))
	w.must("ending it", err)
	is("no longer a friend", write(0, other, friend), "friends_only")

	set(throngv1.MessagesFrom_MESSAGES_FROM_COMMON_GROUPS)
	w.until("the other setting holds", func() bool { return write(1, other, friend) == "common_group_only" })
	w.group(0, me, other)
	w.until("who is in a group with me opens it again, and writes", func() bool {
		_, reason := open(0, other, me)
		return reason == "" && write(0, other, friend) == ""
	})
	set(throngv1.MessagesFrom_MESSAGES_FROM_ALL)
	newcomer := w.people(1)[0]
	_, reason = open(0, newcomer, me)
	is("everybody again", reason, "")
}

// refusal is the reason of a refused call; empty for what went well or failed otherwise.
func refusal(err error) string {
	var e *client.Error
	if errors.As(err, &e) && (e.Reason == "friends_only" || e.Reason == "common_group_only") {
		return e.Reason
	}
	return ""
}
