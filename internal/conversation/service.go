package conversation

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/throng-im/throng/internal/chat"
)

// Bounds of a page of members.
const (
	defaultMembers = 100
	maxMembers     = 200
)

// Config of the service.
type Config struct {
	// Block is how many conversation ids are reserved at once; what is left of a block is lost with the process. 1 to 10,000.
	Block int
}

// Default is a configuration that fits most.
func Default() Config { return Config{Block: 64} }

// Validate says what is wrong with the configuration.
func (c Config) Validate() error {
	if c.Block < 1 || c.Block > 10_000 {
		return errors.New("conversation: block must be from 1 to 10000; 64 fits most")
	}
	return nil
}

// Appender is the log, as the service needs it. A refusal comes back as the error.
type Appender interface {
	Append(ctx context.Context, d *chat.Draft) (chat.Result, error)
}

// Users knows who exists.
type Users interface {
	// Exist returns those of the ids that are nobody's.
	Exist(ctx context.Context, ids []chat.UserID) (missing []chat.UserID, err error)
}

// Heads reads the ends of logs; the zero Head where there is none.
type Heads interface {
	Heads(ctx context.Context, ids []chat.ConversationID) ([]chat.Head, error)
}

// Counts knows in how many conversations users are. It may be a moment behind.
type Counts interface {
	Counts(ctx context.Context, users []chat.UserID) ([]int, error)
}

// Terms says who takes messages of whom.
type Terms interface {
	// Bar is what keeps the sender from writing to the receiver in their direct conversation, as of now.
	Bar(ctx context.Context, sender, receiver chat.UserID) (chat.Bar, error)
}

// Option is a part that a service may have.
type Option func(s *Service)

// WithCounts makes the service hold users to chat.MaxConversations.
func WithCounts(c Counts) Option { return func(s *Service) { s.counts = c } }

// WithTerms makes the service put up bars in direct conversations.
func WithTerms(t Terms) Option { return func(s *Service) { s.terms = t } }

// Service makes and changes conversations. All methods may be called from any goroutine and block until what they did is
// durable; their errors are *chat.Error. An actor of 0 is the server or a back end, which no membership rule binds.
type Service struct {
	// immutable after construction
	dir    Directory
	log    Appender
	users  Users
	heads  Heads
	counts Counts // nil: no bound
	terms  Terms  // nil: everybody takes all
	// nil: groups have no passwords
	passwords Passwords
	attempts  Attempts
	entries   Entries
	block     int

	// guarded by mu: ids that are reserved and not used yet
	mu   sync.Mutex
	next chat.ConversationID
	left int
}

// New makes the service. The configuration must be valid.
func New(cfg Config, dir Directory, log Appender, users Users, heads Heads, options ...Option) *Service {
	s := &Service{dir: dir, log: log, users: users, heads: heads, block: cfg.Block}
	for _, o := range options {
		o(s)
	}
	return s
}

// room refuses users who are in too many conversations already. Who comes into several at the same moment may go a little
// beyond the bound.
func (s *Service) room(ctx context.Context, users ...chat.UserID) error {
	if s.counts == nil {
		return nil
	}
	counts, err := s.counts.Counts(ctx, users)
	if err != nil {
		return chat.AsError(err)
	}
	if slices.ContainsFunc(counts, func(n int) bool { return n >= chat.MaxConversations }) {
		return chat.Errorf(chat.CodeTooLarge, chat.ReasonTooManyConversations,
			"a user is in %d conversations, which is the most; one must be left first", chat.MaxConversations)
	}
	return nil
}

// fresh takes an id from the reserved block. The mutex is held across the reservation of the next one, which is rare and
// which everybody who waits needs.
func (s *Service) fresh(ctx context.Context) (chat.ConversationID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left == 0 {
		first, err := s.dir.Reserve(ctx, s.block)
		if err != nil {
			return 0, chat.AsError(err)
		}
		s.next, s.left = first, s.block
	}
	id := s.next
	s.next++
	s.left--
	return id, nil
}

// exist refuses users that are nobody.
func (s *Service) exist(ctx context.Context, users []chat.UserID) error {
	missing, err := s.users.Exist(ctx, users)
	if err != nil {
		return chat.AsError(err)
	}
	if len(missing) > 0 {
		return chat.Errorf(chat.CodeNotFound, chat.ReasonUserNotFound, "there is no user %d; check the id", missing[0])
	}
	return nil
}

// newcomers refuses users who are nobody, or who are in too many conversations.
func (s *Service) newcomers(ctx context.Context, users []chat.UserID) error {
	if err := s.exist(ctx, users); err != nil {
		return err
	}
	return s.room(ctx, users...)
}

// begun reports whether the conversation behind a pair or a claim was created.
func (s *Service) begun(ctx context.Context, id chat.ConversationID) (bool, error) {
	_, err := s.dir.Conversation(ctx, id)
	if err == nil {
		return true, nil
	}
	if e := chat.AsError(err); e.Code != chat.CodeNotFound {
		return false, e
	}
	return false, nil
}

// begin appends the first entry. Somebody else's having done it first is as good.
func (s *Service) begin(ctx context.Context, d *chat.Draft) error {
	_, err := s.log.Append(ctx, d)
	if e := chat.AsError(err); e != nil && e.Reason != chat.ReasonConversationThere {
		return e
	}
	return nil
}

// append hands a change to the log.
func (s *Service) append(ctx context.Context, actor chat.UserID, id chat.ConversationID, body chat.Body) (chat.Result, error) {
	if err := checkID(uint64(id), "conversation"); err != nil {
		return chat.Result{}, err
	}
	if actor > chat.MaxID {
		return chat.Result{}, chat.Errorf(chat.CodeInvalid, chat.ReasonIDInvalid, "a user id is a number from 1 to %d", uint64(chat.MaxID))
	}
	return s.submit(ctx, &chat.Draft{Conversation: id, Sender: actor, Body: body})
}

// submit hands a draft to the log.
func (s *Service) submit(ctx context.Context, d *chat.Draft) (chat.Result, error) {
	r, err := s.log.Append(ctx, d)
	if err != nil {
		return chat.Result{}, chat.AsError(err)
	}
	return r, nil
}

// Members pages the current members by ascending user id, those above after, with how many there are in all. Limit 0 is
// 100; role 0 is any. Only current members may list them.
func (s *Service) Members(
	ctx context.Context, actor chat.UserID, id chat.ConversationID, after chat.UserID, limit int, role chat.Role,
) (members []chat.Member, total uint32, err error) {
	if err := checkMemberPage(after, limit, role); err != nil {
		return nil, 0, err
	}
	if err := s.inside(ctx, actor, id); err != nil {
		return nil, 0, err
	}
	head, err := s.Head(ctx, id)
	if err != nil {
		return nil, 0, err
	}
	limit = min(cmp.Or(limit, defaultMembers), maxMembers)
	members, err = s.dir.Members(ctx, id, after, limit, role)
	if err != nil {
		return nil, 0, chat.AsError(err)
	}
	return members, head.Members, nil
}
