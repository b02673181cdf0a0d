package receipt

import (
	"cmp"
	"context"
	"slices"

	"github.com/throng-im/throng/internal/chat"
)

// Rooms say where users stand in conversations.
type Rooms interface {
	// Standing returns a conversation's head, and whether the user is a member, as of a moment not before the call.
	Standing(ctx context.Context, user chat.UserID, id chat.ConversationID) (head chat.Head, member bool, err error)
	// Entry returns an entry that the user may read; not_found of what is not for the user, be it there or not.
	Entry(ctx context.Context, user chat.UserID, id chat.ConversationID, seq chat.Seq) (chat.Entry, error)
}

// Privacy says who hides what from whom.
type Privacy interface {
	// Private returns those of some users who send no read receipts.
	Private(ctx context.Context, users []chat.UserID) ([]chat.UserID, error)
	// Blockers returns those of some users who have blocked another one.
	Blockers(ctx context.Context, user chat.UserID, of []chat.UserID) ([]chat.UserID, error)
	// Blocked returns those of some users whom another one has blocked.
	Blocked(ctx context.Context, user chat.UserID, of []chat.UserID) ([]chat.UserID, error)
}

// Service answers who has read what. All methods may be called from any goroutine; their errors are *chat.Error.
type Service struct {
	// immutable after construction
	cfg       Config
	positions Positions
	rooms     Rooms
	privacy   Privacy
}

// New makes the service, of a valid configuration.
func New(cfg Config, positions Positions, rooms Rooms, privacy Privacy) *Service {
	return &Service{cfg: cfg, positions: positions, rooms: rooms, privacy: privacy}
}

const (
	// pageMembers is how many member rows one read brings.
	pageMembers = 1_000
	// sampleUsers is how many names come with counts.
	sampleUsers = 20
)

// Answer is who has got and read an entry. Its sender, who came later, and who hides it from the one who asks are not in it.
type Answer struct {
	// Read and Got are named in full, by ascending id, or in part where Sampled is set. Who has read has got.
	Read, Got []chat.UserID
	// ReadCount and GotCount are how many have; where Sampled is set nobody counts who has got.
	ReadCount, GotCount uint32
	// Of is how many members see the entry, its sender not counted.
	Of uint32
	// Sampled: the conversation is large; counts include those who have blocked the one who asks.
	Sampled bool
	// ReadHidden: the one who asks sends no read receipts, and so sees none.
	ReadHidden bool
}

// Get tells a member who has got and who has read an entry.
func (s *Service) Get(ctx context.Context, viewer chat.UserID, id chat.ConversationID, seq chat.Seq) (Answer, error) {
	head, err := s.enter(ctx, viewer, id, max(s.cfg.NamedMembers, s.cfg.CountedMembers))
	if err != nil {
		return Answer{}, err
	}
	e, err := s.rooms.Entry(ctx, viewer, id, seq)
	if err != nil {
		return Answer{}, chat.AsError(err)
	}
	a := Answer{Sampled: int(head.Members) > s.cfg.NamedMembers}
	if a.ReadHidden, err = s.private(ctx, viewer); err != nil {
		return Answer{}, err
	}
	err = s.each(ctx, viewer, id, !a.Sampled, func(p *Position, private bool) {
		if p.User == e.Sender || !p.Sees(seq) {
			return
		}
		a.Of++
		r := p.receipt()
		if r.Read >= seq && !private && !a.ReadHidden {
			a.ReadCount++
			a.Read = a.keep(a.Read, p.User, seq)
		}
		if r.Got >= seq && !a.Sampled {
			a.GotCount++
			a.Got = append(a.Got, p.User)
		}
	})
	if err != nil || !a.Sampled {
		return a, err
	}
	hide, err := s.privacy.Blockers(ctx, viewer, a.Read)
	a.Read = slices.DeleteFunc(a.Read, func(u chat.UserID) bool { return slices.Contains(hide, u) })
	slices.Sort(a.Read)
	return a, wrap(err)
}

// keep adds a user to a list, of which a sample keeps those who come first by a hash: the same ones for everybody who asks, and not those who
// have been here for the longest.
func (a *Answer) keep(list []chat.UserID, user chat.UserID, seq chat.Seq) []chat.UserID {
	if !a.Sampled {
		return append(list, user)
	}
	order := func(u chat.UserID) uint64 { return (uint64(u) ^ uint64(seq)<<20) * 0x9E3779B97F4A7C15 }
	at, _ := slices.BinarySearchFunc(list, order(user), func(u chat.UserID, n uint64) int { return cmp.Compare(order(u), n) })
	if at < sampleUsers {
		list = slices.Insert(list, at, user)
	}
	return list[:min(len(list), sampleUsers)]
}

// List tells a member where the others stand, by ascending id. It is for conversations whose receipts have names.
func (s *Service) List(ctx context.Context, viewer chat.UserID, id chat.ConversationID) (list []chat.Receipt, readHidden bool, err error) {
	if _, err := s.enter(ctx, viewer, id, s.cfg.NamedMembers); err != nil {
		return nil, false, err
	}
	if readHidden, err = s.private(ctx, viewer); err != nil {
		return nil, false, err
	}
	err = s.each(ctx, viewer, id, true, func(p *Position, private bool) {
		if p.User == viewer {
			return
		}
		r := p.receipt()
		if private || readHidden {
			r.Read = 0
		}
		list = append(list, r)
	})
	return list, readHidden, err
}

// enter refuses who is no member, and conversations with more members than so many.
func (s *Service) enter(ctx context.Context, viewer chat.UserID, id chat.ConversationID, most int) (chat.Head, error) {
	head, member, err := s.rooms.Standing(ctx, viewer, id)
	switch {
	case err != nil:
		return chat.Head{}, chat.AsError(err)
	case !member:
		return chat.Head{}, chat.Errorf(chat.CodeNotFound, chat.ReasonConversationNotFound, "there is no such conversation; check the id")
	case s.cfg.NamedMembers == 0 || int(head.Members) > most:
		return chat.Head{}, chat.Errorf(chat.CodeFailedPrecondition, chat.ReasonReceiptsOff, "conversations of this size have no such receipts here")
	}
	return head, nil
}

// each shows the members, and whether they send no read receipts; with hide set, without those who have blocked the one who asks.
func (s *Service) each(ctx context.Context, viewer chat.UserID, id chat.ConversationID, hide bool, show func(p *Position, private bool)) error {
	for after := chat.UserID(0); ; {
		page, err := s.positions.Positions(ctx, id, after, pageMembers)
		if err != nil {
			return chat.AsError(err)
		}
		users := make([]chat.UserID, len(page))
		for i := range page {
			users[i] = page[i].User
		}
		if len(page) == 0 {
			return nil
		}
		private, err := s.privacy.Private(ctx, users)
		if err != nil {
			return chat.AsError(err)
		}
		var hidden []chat.UserID
		if hide {
			if hidden, err = s.privacy.Blockers(ctx, viewer, users); err != nil {
				return chat.AsError(err)
			}
		}
		for i := range page {
			if !slices.Contains(hidden, users[i]) {
				show(&page[i], slices.Contains(private, users[i]))
			}
		}
		if len(page) < pageMembers {
			return nil
		}
		after = users[len(users)-1]
	}
}

func (s *Service) private(ctx context.Context, user chat.UserID) (bool, error) {
	list, err := s.privacy.Private(ctx, []chat.UserID{user})
	return len(list) > 0, wrap(err)
}

// wrap keeps a nil error one.
func wrap(err error) error {
	if err == nil {
		return nil
	}
	return chat.AsError(err)
}
