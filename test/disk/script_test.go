package disk_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/store/pebble"
	"github.com/throng-im/throng/internal/timeline"
)

const (
	rooms    = 4
	people   = 4  // members of each at first: users 1…people, the first is its owner
	stranger = 99 // is a member of nothing
)

func options(fs vfs.FS) pebble.Options {
	return pebble.Options{FS: fs, CacheBytes: 2 << 20, MemTableBytes: 4 << 20, Fatal: func(error) {}}
}

// script does everything that a store can do, one thing after the other, and goes on after errors as clients do.
type script struct {
	store     *pebble.Store
	accounts  *pebble.Accounts
	timelines timeline.Store
	// append appends one draft durably.
	append func(ctx context.Context, d *chat.Draft) (chat.Result, error)
	// rows says that the script writes timeline rows itself, since no follower does.
	rows  bool
	facts *facts
	rng   *rand.Rand
	n     int
	users []chat.UserID
	err   error // a broken promise that was seen on the way
}

// begin prepares a script on a store.
func begin(s *pebble.Store, f *facts, seed uint64) (*script, error) {
	t, err := s.Timelines()
	if err != nil {
		return nil, err
	}
	sc := &script{store: s, accounts: s.Accounts(), timelines: t, rows: true, facts: f, rng: rand.New(rand.NewPCG(seed, 1))}
	sc.append = func(ctx context.Context, d *chat.Draft) (chat.Result, error) {
		r, err := sc.batch(ctx, d)
		if err != nil {
			return chat.Result{}, err
		}
		if r[0].Err != nil {
			return r[0], r[0].Err
		}
		return r[0], nil
	}
	return sc, nil
}

// create makes the conversations.
func (s *script) create(ctx context.Context) {
	for id := 1; id <= rooms; id++ {
		b := chat.Created{Kind: chat.KindGroup, Open: true}
		var done []func(error)
		for u := chat.UserID(1); u <= people; u++ {
			b.Members = append(b.Members, u)
			done = append(done, try(s.facts, s.facts.member, pair{chat.ConversationID(id), u}, true))
		}
		_, err := s.append(ctx, &chat.Draft{Conversation: chat.ConversationID(id), Sender: 1, Body: b})
		for _, fn := range done {
			fn(s.coded(err))
		}
		if err == nil {
			s.facts.note(func() { s.facts.rooms++ })
		}
	}
}

// step does one thing.
func (s *script) step(ctx context.Context) {
	s.n++
	id, user := chat.ConversationID(1+s.rng.IntN(rooms)), chat.UserID(1+s.rng.IntN(people))
	switch k := s.rng.IntN(40); {
	case k < 12:
		s.send(ctx, s.draft(id, user))
	case k < 14:
		s.several(ctx, user)
	case k < 17:
		if n := len(s.facts.sends); n > 0 {
			s.send(ctx, s.facts.sends[s.rng.IntN(n)].draft)
		}
	case k < 20:
		s.mark(ctx, id, user)
	case k < 22:
		s.comeAndGo(ctx, id, chat.UserID(2+s.rng.IntN(people-1)))
	case k < 23:
		s.refused(ctx, id)
	case k < 25:
		s.account(ctx)
	case k < 27:
		s.rename(ctx)
	case k < 29:
		s.settings(ctx, id, user)
	case k < 30 && s.rows:
		_, err := s.timelines.Apply(ctx, []timeline.Change{
			{User: user, Conversation: id, Membership: timeline.Entered, Seq: 1}, {User: user, Conversation: id},
		}, s.store.Tail())
		_ = s.coded(err) // a change that fails is made again by the follower
	case k < 32:
		s.look(ctx, user)
	case k < 33:
		s.bury(ctx, id)
	case k < 34:
		if first, err := s.store.Reserve(ctx, 3); s.coded(err) == nil {
			s.facts.note(func() {
				if first < s.facts.reserved {
					s.broken("Reserve gave %d, below %d", first, s.facts.reserved)
				}
				s.facts.reserved = max(s.facts.reserved, first+3)
			})
		}
	default:
		s.read(ctx, id)
	}
}

// coded checks that an error is one that clients understand.
func (s *script) coded(err error) error {
	var e *chat.Error
	if err != nil && !errors.As(err, &e) {
		s.broken("an error without a code left the store: %v", err)
	}
	return err
}

func (s *script) broken(format string, args ...any) {
	if s.err == nil {
		s.err = fmt.Errorf("step %d: %w", s.n, fmt.Errorf(format, args...))
	}
}

// draft is a new text.
func (s *script) draft(id chat.ConversationID, user chat.UserID) *chat.Draft {
	d := &chat.Draft{Conversation: id, Sender: user, Body: chat.Text{Text: "text " + strconv.FormatUint(s.rng.Uint64(), 36)}}
	binary.BigEndian.PutUint64(d.ClientID[:], s.rng.Uint64())
	binary.BigEndian.PutUint64(d.ClientID[8:], s.rng.Uint64()|1)
	return d
}

func (s *script) batch(ctx context.Context, drafts ...*chat.Draft) ([]chat.Result, error) {
	a, err := s.store.Append(ctx, drafts)
	if err != nil {
		return nil, err
	}
	if err := a.Wait(ctx); err != nil {
		return nil, err
	}
	return a.Results(), nil
}

func (s *script) send(ctx context.Context, d *chat.Draft) {
	r, err := s.append(ctx, d)
	if s.coded(err) == nil {
		s.sent(d, r)
	}
}

func (s *script) several(ctx context.Context, user chat.UserID) {
	var drafts []*chat.Draft
	for range 5 {
		drafts = append(drafts, s.draft(chat.ConversationID(1+s.rng.IntN(rooms)), user))
	}
	results, err := s.batch(ctx, drafts...)
	if s.coded(err) != nil {
		return
	}
	for i, r := range results {
		if r.Err == nil {
			s.sent(drafts[i], r)
		}
	}
}

func (s *script) sent(d *chat.Draft, r chat.Result) {
	s.facts.note(func() {
		s.facts.sends = append(s.facts.sends, sent{d, r})
		if !r.Repeat {
			p := pair{d.Conversation, d.Sender}
			s.facts.reads[p] = max(s.facts.reads[p], r.Seq)
		}
	})
}

func (s *script) mark(ctx context.Context, id chat.ConversationID, user chat.UserID) {
	heads, err := s.store.Heads(ctx, []chat.ConversationID{id})
	if s.coded(err) != nil || !heads[0].Exists() {
		return
	}
	r, err := s.append(ctx, &chat.Draft{Conversation: id, Sender: user, Mark: 1 + chat.Seq(s.rng.Uint64N(uint64(heads[0].Seq)))})
	if s.coded(err) == nil {
		p := pair{id, user}
		s.facts.note(func() { s.facts.reads[p] = max(s.facts.reads[p], r.Read.Seq) })
	}
}

func (s *script) comeAndGo(ctx context.Context, id chat.ConversationID, user chat.UserID) {
	comes := s.rng.IntN(2) == 0
	b := chat.MembersChanged{Action: chat.MemberLeft, Users: []chat.UserID{user}}
	if comes {
		b.Action = chat.MemberJoined
	}
	done := try(s.facts, s.facts.member, pair{id, user}, comes)
	_, err := s.append(ctx, &chat.Draft{Conversation: id, Sender: user, Body: b})
	done(s.coded(err))
}

// refused sends as somebody who is no member: the text must never be seen.
func (s *script) refused(ctx context.Context, id chat.ConversationID) {
	d := s.draft(id, stranger)
	_, err := s.append(ctx, d)
	switch e := chat.AsError(s.coded(err)); {
	case err == nil:
		s.broken("a stranger's text was taken")
	case e.Reason == chat.ReasonConversationNotFound:
		text, _ := d.Body.(chat.Text)
		s.facts.note(func() { s.facts.denied[text.Text] = true })
	}
}

func (s *script) account(ctx context.Context) {
	handle := "u" + strconv.Itoa(s.n)
	made, err := s.accounts.Create(ctx, []account.Account{{User: account.User{Handle: handle, Name: handle, Version: 1, CreatedMS: 1}}}, account.Terms{})
	if s.coded(err) != nil {
		return
	}
	id := made[0].ID
	s.facts.note(func() {
		if _, twice := s.facts.names[id]; twice {
			s.broken("ACC-2: user %d was made twice", id)
		}
		s.facts.names[id] = known[string]{acked: true, value: handle}
	})
	s.users = append(s.users, id)
	d, _, err := s.accounts.Add(ctx, account.Device{User: id, Name: "phone", CreatedMS: 1}, account.Room{Most: 10})
	if s.coded(err) != nil {
		return
	}
	s.facts.note(func() {
		if _, twice := s.facts.devices[d.ID]; twice {
			s.broken("ACC-2: device %d was made twice", d.ID)
		}
		s.facts.devices[d.ID] = id
	})
}

func (s *script) rename(ctx context.Context) {
	if len(s.users) == 0 {
		return
	}
	id, name := s.users[s.rng.IntN(len(s.users))], "name "+strconv.Itoa(s.n)
	done := try(s.facts, s.facts.names, id, name)
	_, _, err := s.accounts.Update(ctx, id, func(a *account.Account) error { a.Name = name; return nil }, account.Ending{})
	done(s.coded(err))
}

func (s *script) settings(ctx context.Context, id chat.ConversationID, user chat.UserID) {
	muted := s.rng.IntN(2) == 0
	done := try(s.facts, s.facts.muted, pair{id, user}, muted)
	_, err := s.timelines.PutSettings(ctx, user, id, timeline.Patch{Muted: &muted})
	done(s.coded(err))
}

// look reads a timeline: what it shows is durable.
func (s *script) look(ctx context.Context, user chat.UserID) {
	rows, err := s.timelines.Rows(ctx, user)
	if s.coded(err) != nil {
		return
	}
	s.facts.note(func() {
		for _, r := range rows.Rows {
			p := pair{r.Conversation, user}
			if r.PTS < s.facts.rows[p] {
				s.broken("TML-3: user %d, conversation %d: pts %d after %d", user, r.Conversation, r.PTS, s.facts.rows[p])
			}
			s.facts.rows[p] = r.PTS
		}
	})
}

func (s *script) bury(ctx context.Context, id chat.ConversationID) {
	heads, err := s.store.Heads(ctx, []chat.ConversationID{id})
	if s.coded(err) != nil || heads[0].Seq < 3 {
		return
	}
	at := chat.Seq(2 + s.rng.Uint64N(uint64(heads[0].Seq-1)))
	s.facts.note(func() {
		if _, tried := s.facts.buried[place{id, at}]; !tried {
			s.facts.buried[place{id, at}] = false
		}
	})
	_, err = s.store.Tombstone(ctx, id, chat.Span{From: at, To: at}, 0, chat.TombstoneErased)
	if s.coded(err) == nil {
		s.facts.note(func() { s.facts.buried[place{id, at}] = true })
	}
}

// read reads some entries and compares them with what was sent.
func (s *script) read(ctx context.Context, id chat.ConversationID) {
	page, err := s.store.Range(ctx, message.Range{Conversation: id, Limit: 20, Backward: true})
	if s.coded(err) != nil {
		return
	}
	at := make(map[chat.Seq]*chat.Entry, len(page))
	for i := range page {
		at[page[i].Seq] = &page[i]
	}
	f := s.facts.now()
	for _, k := range f.sends {
		if e := at[k.result.Seq]; e != nil && k.draft.Conversation == id {
			if err := f.same(k, e); err != nil {
				s.broken("reading: %w", err)
			}
		}
	}
}
