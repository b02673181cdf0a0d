package timeline

import (
	"context"
	"unicode/utf8"

	"github.com/throng-im/throng/internal/chat"
)

// Service answers what a user's devices ask about conversations. All methods may be called from any goroutine; their
// errors are *chat.Error, and what they return belongs to the caller.
type Service struct {
	// immutable after construction
	cfg      Config
	store    Store
	logs     Logs
	crowds   Crowds
	follower *Follower
	briefs   *briefs
}

// Option is a part that a service may have.
type Option func(s *Service)

// WithCrowds says where digests look at conversations above the small tier, instead of in the log.
func WithCrowds(c Crowds) Option { return func(s *Service) { s.crowds = c } }

// New makes the service. The configuration must be valid. The follower is that of the store, running, where this process alone follows
// the log; it is nil where nodes share that, and then the store is one that marks what it gives out by itself.
func New(cfg Config, store Store, logs Logs, follower *Follower, options ...Option) *Service {
	s := &Service{cfg: cfg, store: store, logs: logs, crowds: logs, follower: follower, briefs: newBriefs(cfg.Digests)}
	for _, o := range options {
		o(s)
	}
	return s
}

// Cursor is a device's place in its user's timeline.
type Cursor struct {
	Epoch      uint64
	Generation uint64
	PTS        PTS
}

// rows reads the user's timeline and marks its end as given out, before anything that the answer stands for is read. All
// that is given out of these rows is at or below that mark.
func (s *Service) rows(ctx context.Context, user chat.UserID) (Rows, error) {
	if err := checkUser(user); err != nil {
		return Rows{}, err
	}
	r, err := s.store.Rows(ctx, user)
	if err != nil {
		return Rows{}, chat.AsError(err)
	}
	s.given(user, r.Last)
	return r, nil
}

func checkUser(user chat.UserID) error {
	if user == 0 || user > chat.MaxID {
		return chat.Errorf(chat.CodeInvalid, chat.ReasonIDInvalid, "a user id is a number from 1 to %d", uint64(chat.MaxID))
	}
	return nil
}

// settle gives the follower a moment to come to what is committed, so that an answer need not leave it to the next one. Where other
// nodes follow nobody waits for them: what they write lies above the cursor of the answer.
func (s *Service) settle(ctx context.Context) {
	if s.follower != nil {
		s.follower.settle(ctx, s.cfg.Answer)
	}
}

// given marks a pts as given out to the user.
func (s *Service) given(user chat.UserID, p PTS) {
	if s.follower != nil {
		s.follower.marks.raise(user, p)
	}
}

// survey reads the parts that belong to rows, and tallies them.
func (s *Service) survey(ctx context.Context, user chat.UserID, rows []Row) ([]*item, uint64, error) {
	ids := make([]chat.ConversationID, len(rows))
	for i := range rows {
		ids[i] = rows[i].Conversation
	}
	parts, err := s.logs.Parts(ctx, user, ids)
	if err != nil {
		return nil, 0, chat.AsError(err)
	}
	items, total := tally(rows, parts)
	return items, total, nil
}

// current keeps the rows of conversations that the user is in, as far as rows know, and those that since keeps.
func current(rows []Row, since func(Row) bool) []Row {
	out := make([]Row, 0, len(rows))
	for _, r := range rows {
		if r.Current || (since != nil && since(r)) {
			out = append(out, r)
		}
	}
	return out
}

// fill completes the views of items: what stands about the conversations, the newest entries and drafts. With entries 0
// only the last one is read.
func (s *Service) fill(ctx context.Context, user chat.UserID, items []*item, entries int) error {
	if len(items) == 0 {
		return nil
	}
	ids := make([]chat.ConversationID, len(items))
	wants := make([]Want, len(items))
	for i := range items {
		h := items[i].view.Head
		ids[i] = h.Conversation
		wants[i] = Want{Conversation: h.Conversation, To: h.Seq, Limit: max(entries, 1), MaxBytes: entryBytes}
	}
	infos, err := s.logs.Conversations(ctx, ids)
	if err != nil {
		return chat.AsError(err)
	}
	newest, err := s.logs.Newest(ctx, wants)
	if err != nil {
		return chat.AsError(err)
	}
	drafts, err := s.store.Drafts(ctx, user, ids)
	if err != nil {
		return chat.AsError(err)
	}
	for i := range items {
		it := items[i]
		it.view.Conversation = about(infos[i], it.part.Member)
		it.view.Settings.Draft = drafts[i]
		it.view.show(user, it.part.Member, newest[i], entries > 0)
	}
	return nil
}

// View shows one conversation. Who never was a member gets conversation_not_found. It needs no timeline: a conversation
// shows as soon as its entries do.
func (s *Service) View(ctx context.Context, user chat.UserID, id chat.ConversationID) (View, error) {
	it, err := s.one(ctx, user, id)
	if err != nil {
		return View{}, err
	}
	if err := s.fill(ctx, user, []*item{it}, 0); err != nil {
		return View{}, err
	}
	return it.view, nil
}

func (s *Service) one(ctx context.Context, user chat.UserID, id chat.ConversationID) (*item, error) {
	if user == 0 || user > chat.MaxID || id == 0 || id > chat.MaxID {
		return nil, chat.Errorf(chat.CodeInvalid, chat.ReasonIDInvalid, "an id is a number from 1 to %d", uint64(chat.MaxID))
	}
	row, _, err := s.store.Row(ctx, user, id)
	if err != nil {
		return nil, chat.AsError(err)
	}
	row.Conversation = id
	items, _, err := s.survey(ctx, user, []Row{row})
	if err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return nil, notFound()
	}
	return items[0], nil
}

func notFound() *chat.Error {
	return chat.Errorf(chat.CodeNotFound, chat.ReasonConversationNotFound, "there is no such conversation; check the id")
}

// SettingsPatch names the settings that get new values; nil stays as it is.
type SettingsPatch struct {
	Pinned       *bool
	Muted        *bool
	Archived     *bool
	MarkedUnread *bool
	Draft        *string
}

// Settings changes the user's own settings for a conversation, for all devices. Only members have some. "Marked unread"
// holds until the user reads on, or a patch ends it.
func (s *Service) Settings(ctx context.Context, user chat.UserID, id chat.ConversationID, p SettingsPatch) (chat.Settings, error) {
	if p == (SettingsPatch{}) {
		return chat.Settings{}, chat.Errorf(chat.CodeInvalid, chat.ReasonFieldInvalid, "nothing was named that is to change; name at least one setting")
	}
	if p.Draft != nil {
		if len(*p.Draft) > chat.MaxDraftBytes {
			return chat.Settings{}, chat.Errorf(chat.CodeTooLarge, chat.ReasonFieldTooLarge, "a draft has at most %d bytes", chat.MaxDraftBytes)
		}
		if !utf8.ValidString(*p.Draft) {
			return chat.Settings{}, chat.Errorf(chat.CodeInvalid, chat.ReasonFieldInvalid, "the draft is not UTF-8")
		}
	}
	it, err := s.one(ctx, user, id)
	if err != nil {
		return chat.Settings{}, err
	}
	if !it.current() {
		return chat.Settings{}, notFound()
	}
	stored, err := s.store.PutSettings(ctx, user, id, Patch{
		Pinned: p.Pinned, Muted: p.Muted, Archived: p.Archived, MarkedUnread: p.MarkedUnread, Draft: p.Draft,
		MarkedAt: it.part.Read.Seq,
	})
	if err != nil {
		return chat.Settings{}, chat.AsError(err)
	}
	out := stored.At(it.part.Read)
	out.Hidden = it.part.Member.Hidden
	return out, nil
}

// Touch makes a conversation one that has changed for the user, whose part in it is another one now, and returns the settings. Who has left and
// whose timeline does not show it any more is told nothing.
func (s *Service) Touch(ctx context.Context, user chat.UserID, id chat.ConversationID) (chat.Settings, error) {
	it, err := s.one(ctx, user, id)
	if err != nil {
		return chat.Settings{}, err
	}
	out := it.row.Settings.At(it.part.Read)
	if it.current() {
		stored, err := s.store.PutSettings(ctx, user, id, Patch{})
		if err != nil {
			return chat.Settings{}, chat.AsError(err)
		}
		out = stored.At(it.part.Read)
	}
	out.Hidden = it.part.Member.Hidden
	return out, nil
}
