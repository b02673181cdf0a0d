package app

import (
	"runtime"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/chunk"
	"github.com/throng-im/throng/internal/limit"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/pressure"
)

// limits are the limits of requests and sends.
type limits struct {
	// immutable after construction
	request      *limit.Limiter[chat.UserID]
	send         *limit.Limiter[chat.UserID]
	find         *limit.Limiter[chat.UserID]
	conversation *limit.Limiter[chat.ConversationID]
	address      *limit.Addresses
	joinUser     *limit.Limiter[chat.UserID]
	join         *limit.Limiter[chat.ConversationID]
	crowd        *limit.Crowd
	refused      *prometheus.CounterVec

	// set while wiring: receivers is how many sessions of the node are subscribed to a conversation, and how many have it open
	receivers func(id chat.ConversationID) (subscribed, open int)
}

func newLimits(c limit.Config, reg prometheus.Registerer) *limits {
	l := &limits{
		request: limit.New[chat.UserID](c.RequestUser, nil), send: limit.New[chat.UserID](c.SendUser, nil),
		find:         limit.New[chat.UserID](c.FindUser, nil),
		conversation: limit.New[chat.ConversationID](c.SendConversation, nil), address: limit.NewAddresses(c.ConnectAddress, nil),
		joinUser: limit.New[chat.UserID](c.JoinUser, nil), join: limit.New[chat.ConversationID](c.JoinConversation, nil),
		crowd:     limit.NewCrowd(c.Deliveries, runtime.GOMAXPROCS(0), nil),
		receivers: func(chat.ConversationID) (int, int) { return 0, 0 },
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "throng_limit_refused_total", Help: "Requests that were told to wait, by the limit.",
		}, []string{"limit"}),
	}
	for _, name := range []string{limitRequest, limitFind, limitSend, limitConversation, limitAddress, limitDeliveries, limitJoinUser, limitJoin} {
		l.refused.WithLabelValues(name)
	}
	reg.MustRegister(l.refused, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "throng_limit_crowds", Help: "Conversations with many receivers that share the budget of deliveries now.",
	}, func() float64 { return float64(l.crowd.Active()) }))
	return l
}

// share has requests, sends and callers limited over all nodes. What the node can deliver is its own.
func (l *limits) share(s *limit.Sharing) {
	l.request.Share(s, limitRequest, func(u chat.UserID) string { return strconv.FormatUint(uint64(u), 10) })
	l.find.Share(s, limitFind, func(u chat.UserID) string { return strconv.FormatUint(uint64(u), 10) })
	l.send.Share(s, limitSend, func(u chat.UserID) string { return strconv.FormatUint(uint64(u), 10) })
	l.conversation.Share(s, limitConversation, func(id chat.ConversationID) string { return strconv.FormatUint(uint64(id), 10) })
	l.address.Share(s, limitAddress)
	l.joinUser.Share(s, limitJoinUser, func(u chat.UserID) string { return strconv.FormatUint(uint64(u), 10) })
	l.join.Share(s, limitJoin, func(id chat.ConversationID) string { return strconv.FormatUint(uint64(id), 10) })
}

// The limits, as metrics and shared buckets call them: the settings' names.
const (
	limitSignIn       = "sign_in_handle"
	limitSignInFrom   = "sign_in_address"
	limitSignUp       = "sign_up_address"
	limitRequest      = "request_user"
	limitFind         = "find_user"
	limitSend         = "send_user"
	limitConversation = "send_conversation"
	limitAddress      = "connect_address"
	limitDeliveries   = "deliveries"
	limitJoinUser     = "join_user"
	limitJoin         = "join_conversation"
)

// counted counts a refusal.
func (l *limits) counted(name string, wait time.Duration) time.Duration {
	if wait > 0 {
		l.refused.WithLabelValues(name).Inc()
	}
	return wait
}

// TakeRequest implements api.Limits.
func (l *limits) TakeRequest(user chat.UserID) time.Duration {
	return l.counted(limitRequest, l.request.Take(user, 1))
}

// TakeFind implements api.Limits.
func (l *limits) TakeFind(user chat.UserID) time.Duration {
	return l.counted(limitFind, l.find.Take(user, 1))
}

// TakeSend implements api.Limits. The server and back ends in their own name are not slowed down. Of a conversation with many
// receivers the message has its turn inside the append, when it is known that it will stand; here those are sent away for whom there
// is none, before they cost anything.
func (l *limits) TakeSend(user chat.UserID, id chat.ConversationID) *chat.Error {
	if user == 0 {
		return nil
	}
	if wait := l.counted(limitSend, l.send.Take(user, 1)); wait > 0 {
		return limit.Error(wait)
	}
	if wait := l.counted(limitDeliveries, l.crowd.Peek(id)); wait > 0 {
		l.send.Give(user, 1)
		return message.Busy(wait)
	}
	if wait := l.counted(limitConversation, l.conversation.Take(id, 1)); wait > 0 {
		l.send.Give(user, 1)
		return limit.Error(wait)
	}
	return nil
}

// GiveSend implements api.Limits. The sender's own token stays taken: it was an attempt.
func (l *limits) GiveSend(id chat.ConversationID) { l.conversation.Give(id, 1) }

// TakeJoin implements conversation.Attempts. The user comes first: who has to wait takes nothing of what others have for the group.
func (l *limits) TakeJoin(user chat.UserID, id chat.ConversationID) time.Duration {
	if wait := l.TakePassword(user); wait > 0 {
		return wait
	}
	return l.counted(limitJoin, l.join.Take(id, 1))
}

// TakePassword implements conversation.Attempts.
func (l *limits) TakePassword(user chat.UserID) time.Duration {
	return l.counted(limitJoinUser, l.joinUser.Take(user, 1))
}

// TakeAddress implements api.Limits.
func (l *limits) TakeAddress(address string) time.Duration {
	return l.counted(limitAddress, l.address.Take(address, 1))
}

// admit implements [message.Rules.Admit].
func (l *limits) admit(head chat.Head) time.Duration {
	return l.counted(limitDeliveries, l.crowd.Take(head.Conversation, l.audience(head)))
}

// audience is who gets the entries of a conversation on this node: of a large one those who have it open, in chunks where entries
// come in quick succession. Hints have a budget of their own.
func (l *limits) audience(head chat.Head) limit.Audience {
	subscribed, open := l.receivers(head.Conversation)
	switch head.Tier {
	case chat.TierLarge:
		return limit.Audience{Connections: open, Chunked: true}
	case chat.TierMedium:
		return limit.Audience{Connections: subscribed}
	default:
		return limit.Audience{}
	}
}

// pace implements gateway.Deps.Pace.
func (l *limits) pace(id chat.ConversationID) chunk.Pace {
	send, rounds := l.crowd.Expect(id)
	return chunk.Pace{SendWait: send, Apart: rounds}
}

// eased is what is left of the budget of deliveries at a level, a fifth less with each step: a node that has too much to do cannot
// make as many as it was taken to.
func eased(l pressure.Level) float64 {
	part := 1.0
	for range l {
		part *= 0.8
	}
	return part
}
