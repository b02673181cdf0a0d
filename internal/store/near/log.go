package near

import (
	"context"
	"slices"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/gather"
	"github.com/throng-im/throng/internal/message"
)

const (
	// readsAtOnce is how many reads of heads are under way at a time; who asks meanwhile is served by the next one, together with others.
	readsAtOnce = 4
	// headsMost is how many heads one of them reads.
	headsMost = 512
)

// Log is a log whose heads and entries many ask for at the same time. Whoever asks gets what a read says that began after that: nobody
// joins one that is under way, which may not have seen what they were told already.
type Log struct {
	message.Log

	heads   *gather.Many[chat.ConversationID, chat.Head]
	entries *gather.Flights[message.Range, []chat.Entry]
	metrics *metrics
}

// NewLog makes one of a log.
func NewLog(log message.Log, m *Metrics) *Log {
	l := &Log{Log: log, metrics: m.of(), entries: gather.NewFlights[message.Range, []chat.Entry]()}
	l.heads = gather.NewMany(readsAtOnce, headsMost, l.read)
	return l
}

func (l *Log) read(ctx context.Context, ids []chat.ConversationID) ([]gather.Found[chat.Head], error) {
	l.metrics.read.Inc()
	heads, err := l.Log.Heads(ctx, ids)
	if err != nil {
		return nil, err //nolint:wrapcheck // a port answers in our own errors
	}
	out := make([]gather.Found[chat.Head], len(heads))
	for i := range heads {
		out[i].Value = heads[i]
	}
	return out, nil
}

// Heads implements [message.Log].
func (l *Log) Heads(ctx context.Context, ids []chat.ConversationID) ([]chat.Head, error) {
	if len(ids) != 1 {
		return l.Log.Heads(ctx, ids) //nolint:wrapcheck // a port answers in our own errors
	}
	l.metrics.asked.Inc()
	h, err := l.heads.Get(ctx, ids[0])
	return []chat.Head{h}, err
}

// Range implements [message.Log].
func (l *Log) Range(ctx context.Context, q message.Range) ([]chat.Entry, error) {
	l.metrics.asked.Inc()
	page, err := l.entries.Fresh(ctx, q, func(ctx context.Context) ([]chat.Entry, error) {
		l.metrics.read.Inc()
		return l.Log.Range(ctx, q)
	})
	return slices.Clone(page), err // others get it too, and each may reorder its own
}
