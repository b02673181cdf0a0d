package message

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/lru"
	"github.com/throng-im/throng/internal/message/content"
	"github.com/throng-im/throng/internal/trace"
)

// Members is what the service asks of the directory: who may read what, and has read how much.
type Members interface {
	Part(ctx context.Context, id chat.ConversationID, user chat.UserID) (Part, error)
}

// Config of the service.
type Config struct {
	// Shards is how many workers append side by side; conversations are spread over them by id. 0 is what suits the engine: one for
	// the embedded one, which has one writer, and 16 for MySQL, where each appends over a connection of its own.
	Shards int
	// BatchDrafts and BatchBytes bound one append.
	BatchDrafts int
	BatchBytes  int
	// QueueDrafts and QueueBytes bound what waits for one shard; beyond, sends are refused as overloaded.
	QueueDrafts int
	QueueBytes  int
	// QueueWait is how long a draft may have to wait in a shard's queue, by what appends took lately; beyond, sends are refused as
	// overloaded too. On a slow disk few drafts are a long wait, and senders who give up and send again would make it longer.
	QueueWait time.Duration
	// Collect is how long a worker that is busy waits for company before it appends a batch smaller than half of
	// BatchDrafts. An idle one never waits.
	Collect time.Duration
	// RecentBytes is how much of the newest entries of conversations above the small tier is kept in memory, and a quarter of it
	// more of older pages that were asked for, so that pulls of one page by many cost a handful of reads; at most a 32nd of the
	// memory budget. 0 keeps nothing.
	RecentBytes int
	// RecentConversationBytes bounds it for one conversation.
	RecentConversationBytes int
	// RecentMembers is how many readers of these conversations are remembered as members, at about 64 bytes each; they take at
	// most a 32nd of the memory budget.
	RecentMembers int
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config {
	return Config{
		BatchDrafts: 1024, BatchBytes: 1 << 20, QueueDrafts: 16 << 10, QueueBytes: 64 << 20, QueueWait: 5 * time.Second,
		RecentBytes: 32 << 20, RecentConversationBytes: 1 << 20, RecentMembers: 1 << 20,
	}
}

// Validate says what is wrong with the settings.
func (c Config) Validate() error {
	if c.Shards < 0 || c.Shards > 64 || c.BatchDrafts < 1 || c.BatchBytes < 1 || c.QueueDrafts < 1 || c.QueueBytes < 1 ||
		c.Collect < 0 || c.Collect > 10*time.Millisecond || c.QueueWait < 100*time.Millisecond {
		return chat.Errorf(chat.CodeInvalid, chat.ReasonFieldInvalid,
			"message: shards is 0 to 64, batches and queues hold at least one draft and one byte, collect is at most 10 ms, queue_wait at least 100 ms")
	}
	if c.RecentBytes < 0 || c.RecentConversationBytes < 1 || c.RecentMembers < 1 {
		return chat.Errorf(chat.CodeInvalid, chat.ReasonFieldInvalid,
			"message: recent_conversation_bytes and recent_members are at least 1; recent_bytes 0 keeps nothing in memory")
	}
	return nil
}

// Service takes drafts to the log and reads ranges for members. All methods may be called from any goroutine.
type Service struct {
	// immutable after construction
	cfg     Config
	log     Log
	members Members
	logger  *slog.Logger
	metrics *metrics
	shards  []*shard
	recent  *recent                       // nil: every read is one of the log
	hot     Hot                           // nil: there is none
	stands  *lru.Shared[readerKey, stand] // nil: the ring knows
	// announce tells other nodes what to forget; nil where nobody is told.
	announce func(id chat.ConversationID)
	// hides tells other nodes of readers who have deleted entries for themselves; nil where nobody is told.
	hides func(id chat.ConversationID, reader chat.UserID)
	trace *trace.Tracer // nil: nothing is noted

	unseen atomic.Uint64 // counts calls of Unsee
	said   atomic.Int64  // when it was last said that an append failed, for all shards
}

// stand is since when somebody is a member, as read after a head that names the last member change. While a head that is read later names
// the same change it holds.
type stand struct{ changed, from chat.Seq }

// Option is a part that a service may have.
type Option func(s *Service)

// WithAnnounce has other nodes told of conversations whose content has gone without an entry, for [Service.Forget] there. It is called
// in the goroutine that removes content, and must not block.
func WithAnnounce(announce func(id chat.ConversationID)) Option {
	return func(s *Service) { s.announce = announce }
}

// WithTrace has what becomes of entries noted: appends, and pages that were read.
func WithTrace(t *trace.Tracer) Option {
	return func(s *Service) {
		s.trace = t
		for _, sh := range s.shards {
			sh.trace = t
		}
	}
}

// WithRecent keeps recent entries in memory, fed by the events. Without a feed it keeps none.
func WithRecent(feed Feed) Option {
	return func(s *Service) {
		if feed != nil && s.cfg.RecentBytes > 0 {
			s.recent = newRecent(s.cfg, feed, s.log, s.metrics, s.logger)
		}
	}
}

// New builds a service; it answers drafts once Run runs.
func New(cfg Config, log Log, members Members, reg prometheus.Registerer, logger *slog.Logger, options ...Option) *Service {
	s := &Service{cfg: cfg, log: log, members: members, logger: logger, metrics: newMetrics(reg)}
	for range max(cfg.Shards, 1) {
		s.shards = append(s.shards, newShard(cfg, log, s.metrics, logger, &s.said))
	}
	for _, o := range options {
		o(s)
	}
	if s.recent == nil {
		s.stands = lru.NewShared[readerKey, stand](cfg.RecentMembers)
	}
	if s.recent != nil && reg != nil {
		s.recent.register(reg)
	}
	return s
}

// Run appends what is submitted until ctx ends; then it refuses new drafts, finishes those that wait, and returns.
func (s *Service) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, sh := range s.shards {
		wg.Go(sh.append)
		wg.Go(sh.complete)
	}
	if s.recent != nil {
		wg.Go(func() { s.recent.run(ctx) })
	}
	<-ctx.Done()
	for _, sh := range s.shards {
		sh.close()
	}
	wg.Wait()
	return nil
}

// Submit hands in a draft, which belongs to the service until done is called. done is called exactly once, perhaps before
// Submit returns, from a goroutine of the service, and must not block. Drafts of one conversation get their seqs in the
// order in which they were submitted.
func (s *Service) Submit(d *chat.Draft, done func(chat.Result)) {
	if err := content.Check(d); err != nil {
		s.metrics.refuse(err.Reason)
		done(chat.Result{Err: err})
		return
	}
	if err := s.shard(d.Conversation).push(submission{draft: d, done: done, at: time.Now(), weight: weight(d)}); err != nil {
		s.metrics.refuse(err.Reason)
		done(chat.Result{Err: err})
	}
}

// Append hands in a draft and waits for its result, whose error it returns. A draft whose wait is cut off may still be
// stored: its sender repeats it with the same client id.
func (s *Service) Append(ctx context.Context, d *chat.Draft) (chat.Result, error) {
	result := make(chan chat.Result, 1)
	s.Submit(d, func(r chat.Result) { result <- r })
	select {
	case r := <-result:
		if r.Err != nil {
			return r, r.Err
		}
		return r, nil
	case <-ctx.Done():
		return chat.Result{}, chat.Wrap(ctx.Err(), chat.CodeUnknown, chat.ReasonInDoubt,
			"the message may or may not be stored; send it again with the same client id")
	}
}

// Head returns the end of a conversation's log as it is, for no reader in particular.
func (s *Service) Head(ctx context.Context, id chat.ConversationID) (chat.Head, error) {
	heads, err := s.log.Heads(ctx, []chat.ConversationID{id})
	if err != nil {
		return chat.Head{}, err //nolint:wrapcheck // a port answers in our own errors
	}
	return heads[0], nil
}

// Fill is the part of its bounds to which the fullest queue is filled: at 1, sends into its conversations are refused as
// overloaded.
func (s *Service) Fill() float64 {
	fullest := 0.0
	for _, sh := range s.shards {
		fullest = max(fullest, sh.fill())
	}
	return fullest
}

func (s *Service) shard(id chat.ConversationID) *shard {
	// Fibonacci hashing: ids are given out in runs, which must not meet in one shard.
	return s.shards[(uint64(id)*0x9E3779B97F4A7C15>>32)%uint64(len(s.shards))]
}

// weight is about how many bytes a draft adds to an append.
func weight(d *chat.Draft) int {
	const row = 128 // keys, repeat, head and read position
	switch b := d.Body.(type) {
	case chat.Edit:
		return 2 * (row + weight(&chat.Draft{Body: b.Body})) // what it amends is written again
	case chat.Text:
		return row + len(b.Text)
	case chat.Custom:
		return row + len(b.Data) + len(b.Fallback)
	case chat.Media:
		return row + len(b.Ref) + len(b.Caption) + len(b.Preview)
	case chat.Created:
		return row + 64*len(b.Members)
	case chat.MembersChanged:
		return row + 64*len(b.Users)
	default:
		return 4 * row
	}
}
