package api

import (
	"context"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/limit"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/social"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// exportRetry is how long who finds all places taken, or has one already, is told to wait.
const exportRetry = 30 * time.Second

// ExportData implements the procedure of the same name: the account and its devices, relations, the conversations as the user sees
// them, and what the user wrote.
func (h accountHandler) ExportData(
	ctx context.Context, _ *connect.Request[throngv1.ExportDataRequest], stream *connect.ServerStream[throngv1.ExportDataResponse],
) error {
	user := requestOf(ctx).caller.user
	if !h.s.exports.take(user) {
		return limit.Error(exportRetry)
	}
	defer h.s.exports.free(user)
	e := export{s: h.s, user: user, send: func(kind string, json []byte) error {
		return stream.Send(&throngv1.ExportDataResponse{Kind: kind, Json: string(json)}) //nolint:wrapcheck // connect's own
	}}
	return e.run(ctx)
}

// export is one export under way. It belongs to its request's goroutine.
type export struct {
	s    *Server
	user chat.UserID
	send func(kind string, json []byte) error
}

func (e *export) run(ctx context.Context) error {
	records, err := e.s.deps.Users.Export(ctx, e.user)
	if err != nil {
		return err
	}
	for _, r := range records {
		if err := e.send(r.Kind, r.JSON); err != nil {
			return err
		}
	}
	if err := e.relations(ctx); err != nil {
		return err
	}
	conversations, err := e.s.conversationsOf(ctx, e.user)
	if err != nil {
		return err
	}
	for _, id := range conversations {
		if err := e.conversation(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// relations sends what the user is to others, and what the user says about who may do what.
func (e *export) relations(ctx context.Context) error {
	for at := (social.Cursor{}); ; {
		p, err := e.s.deps.RelationLists.Since(ctx, e.user, at, social.MaxPage)
		if err != nil {
			return err
		}
		for _, v := range p.Views {
			if v.Empty() {
				continue
			}
			if err := e.sendMessage("relation", relation(v)); err != nil {
				return err
			}
		}
		if at = p.Next; !p.More {
			break
		}
	}
	p, err := e.s.deps.Privacy.Privacy(ctx, e.user)
	if err != nil {
		return err
	}
	u, err := e.s.deps.Users.Get(ctx, e.user)
	if err != nil {
		return err
	}
	return e.sendMessage("privacy", privacy(p, u.Privacy))
}

func (e *export) conversation(ctx context.Context, id chat.ConversationID) error {
	v, err := e.s.deps.Timelines.View(ctx, e.user, id)
	if chat.AsError(err) != nil && chat.AsError(err).Code == chat.CodeNotFound {
		return nil // a row of the timeline that the log does not bear out
	}
	if err != nil {
		return err
	}
	c := wire.Conversation(e.user, (*wire.View)(&v))
	c.Head.Last, c.Entries = nil, nil // what others wrote is theirs
	if err := e.sendMessage("conversation", c); err != nil {
		return err
	}
	return e.messages(ctx, id, v.Head.Seq)
}

// messages sends what the user wrote in a conversation, as far as the user may still read it.
func (e *export) messages(ctx context.Context, id chat.ConversationID, head chat.Seq) error {
	for from := chat.Seq(1); from <= head; {
		page, err := e.s.deps.Messages.Range(ctx, message.RangeQuery{
			Reader: e.user, Conversation: id, From: from, To: head, Limit: chat.MaxRangeEntries,
		})
		if err != nil {
			return err
		}
		for i := range page.Entries {
			if page.Entries[i].Sender != e.user {
				continue
			}
			if err := e.sendMessage("message", wire.Entry(&page.Entries[i], wire.Whole(true))); err != nil {
				return err
			}
		}
		if page.Covered.To < from {
			return nil
		}
		from = page.Covered.To + 1
	}
	return nil
}

func (e *export) sendMessage(kind string, m proto.Message) error {
	b, err := codec{sub: wire.JSON}.Marshal(m)
	if err != nil {
		return err
	}
	return e.send(kind, b)
}
