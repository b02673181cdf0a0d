package message

import (
	"context"

	"github.com/throng-im/throng/internal/chat"
)

// Hot is the port of a cache of the newest entries of conversations above the small tier, which the nodes of a deployment share: a
// hundred thousand who pull the same page after a hint do not ask the log. All methods may be called from any goroutine; entries are
// shared and never written to.
//
//   - HOT-1 Get returns all entries from..to, ascending, each as it was put, or false. It may return false at any time.
//   - HOT-5 It returns false where one of them may have been amended (chat.Amend) since it was put, by an entry up to amended, which is what
//     a head says that the caller read before.
//   - HOT-2 Once Forget has returned nil, no Get that begins then, on any node, returns an entry at or below upTo, also where one is
//     put again.
//   - HOT-3 What is kept is bounded, for each conversation in entries and bytes, and in time.
//   - HOT-4 A cache that does not answer costs a bounded time, and then none until it does.
type Hot interface {
	Get(ctx context.Context, id chat.ConversationID, from, to, amended chat.Seq) ([]chat.Entry, bool)
	// Put keeps entries that were committed. Those of a conversation come in their order, mostly; one that comes late, or again,
	// is passed over.
	Put(ctx context.Context, entries ...*chat.Entry)
	// Forget lets go of the entries up to a seq: the content of some of them has gone.
	Forget(ctx context.Context, id chat.ConversationID, upTo chat.Seq) error
}

// WithHot looks for entries in a cache before they are read from the log.
func WithHot(hot Hot) Option { return func(s *Service) { s.hot = hot } }

// read reads a run of the log, or what is cached of it.
func (s *Service) read(ctx context.Context, st sight, q Range) ([]chat.Entry, error) {
	if s.hot != nil && st.head.Tier > chat.TierSmall {
		if k := pageOf(q, 0); k.from <= k.to {
			if entries, ok := s.hot.Get(ctx, q.Conversation, k.from, k.to, st.head.Amended); ok {
				s.metrics.fromHot.Inc()
				return entries, nil
			}
		}
	}
	s.metrics.readEntries.Inc()
	s.metrics.fromLog.Inc()
	return s.log.Range(ctx, q) //nolint:wrapcheck // a port answers in our own errors
}

// cool lets go of what the cache has of a conversation whose content has gone, which lies at or below its head.
func (s *Service) cool(ctx context.Context, id chat.ConversationID) error {
	if s.hot == nil {
		return nil
	}
	head, err := s.Head(ctx, id)
	if err != nil {
		return err
	}
	return s.hot.Forget(ctx, id, head.Seq) //nolint:wrapcheck // a port answers in our own errors
}
