package cluster_test

import (
	"connectrpc.com/connect"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// page reads a run of a conversation as a member, through a node.
func (w *world) page(n int, user client.UserID, conv client.ConversationID, from uint64) []*throngv1.Entry {
	w.t.Helper()
	resp, err := w.back(n, user).Messages.ListEntries(w.ctx(), connect.NewRequest(&throngv1.ListEntriesRequest{
		Conversation: uint64(conv), From: from, Limit: 200,
	}))
	w.must("reading a conversation", err)
	return resp.Msg.GetEntries()
}
