package cluster_test

import (
	"errors"
	"sync"
	"sync/atomic"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// byLink is INV-6 and INV-7: ten people come by a link for four, on all nodes at once; then it is revoked.
func byLink(w *world) {
	users := w.people(11)
	conv := w.group(0, users[0])
	made, err := w.back(1, users[0]).Invites.CreateLink(w.ctx(), connect.NewRequest(&throngv1.CreateLinkRequest{Conversation: uint64(conv), Most: 4}))
	w.must("making a link", err)
	join := func(n int, user client.UserID, token string) bool {
		_, err := w.back(n, user).Invites.JoinByLink(w.ctx(), connect.NewRequest(&throngv1.JoinByLinkRequest{Token: token}))
		var e *client.Error
		if errors.As(err, &e) && e.Reason == "link_spent" {
			return false
		}
		w.must("joining", err)
		return true
	}
	var all sync.WaitGroup
	var in atomic.Int64
	for i, user := range users[1:] {
		all.Go(func() {
			if join(i%3, user, made.Msg.GetToken()) {
				in.Add(1)
			}
		})
	}
	all.Wait()
	if n := in.Load(); n != 4 {
		w.t.Errorf("%d came in by a link for four", n)
	}
	preview, err := w.back(2, users[0]).Invites.CreateLink(w.ctx(), connect.NewRequest(&throngv1.CreateLinkRequest{Conversation: uint64(conv)}))
	w.must("making a link", err)
	_, err = w.back(0, users[0]).Invites.RevokeLink(w.ctx(), connect.NewRequest(&throngv1.RevokeLinkRequest{
		Conversation: uint64(conv), Id: preview.Msg.GetLink().GetId(),
	}))
	w.must("revoking", err)
	for n := range 3 {
		if join(n, w.people(1)[0], preview.Msg.GetToken()) {
			w.t.Errorf("node %d lets people in by a revoked link", n)
		}
	}
}
