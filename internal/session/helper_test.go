package session_test

import (
	"bytes"
	"fmt"

	"github.com/gobwas/ws"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

func accountOf(user chat.UserID, device chat.DeviceID) account.Identity {
	return account.Identity{User: user, Device: device}
}

func authenticate(token string) *throngv1.ClientEnvelope {
	return &throngv1.ClientEnvelope{Id: 1, Request: &throngv1.ClientEnvelope_Authenticate{
		Authenticate: &throngv1.AuthenticateRequest{Token: token},
	}}
}

func text(id, conversation uint64, words string) *throngv1.ClientEnvelope {
	client := make([]byte, 16)
	client[0], client[1] = byte(id), byte(id>>8)
	client[15] = 1
	return &throngv1.ClientEnvelope{Id: id, Request: &throngv1.ClientEnvelope_Send{Send: &throngv1.SendRequest{
		Conversation: conversation, ClientId: client, Body: &throngv1.SendRequest_Text{Text: words},
	}}}
}

func entry(conversation chat.ConversationID, seq chat.Seq, sender chat.UserID, words string, users ...chat.UserID) *cluster.Delivery {
	e := &chat.Entry{
		Conversation: conversation, Seq: seq, Ordinal: chat.Ordinal(seq), Sender: sender, TimeMS: 1,
		ClientID: chat.ClientID{1, 2, 3}, Body: chat.Text{Text: words},
	}
	return &cluster.Delivery{
		Kind: cluster.DeliverEntry, Conversation: conversation, Users: users, Entry: e,
		Head: chat.Head{Conversation: conversation, Tier: chat.TierSmall, Seq: seq},
	}
}

// payload is what a WebSocket message of the server holds.
func payload(frame []byte) []byte {
	r := bytes.NewReader(frame)
	h, err := ws.ReadHeader(r)
	if err != nil || h.Masked || !h.Fin || h.Length != int64(r.Len()) {
		panic(fmt.Sprintf("no frame: %v %v", h, err))
	}
	return frame[len(frame)-r.Len():]
}
