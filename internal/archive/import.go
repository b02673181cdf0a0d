package archive

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/throng-im/throng/internal/chat"
)

const (
	userBatch     = 500      // users made by one call
	window        = 16 << 20 // bytes of lines on their way; the log queues several times as much
	lineCost      = 4 << 10  // of a line besides its bytes, so that short ones are bounded in number too
	progressEvery = 5_000    // lines
	cacheBound    = 100_000  // ids remembered
)

// Import reads JSON lines into an install. It stops at the first line that it cannot take and says which; what stands
// before it is stored, and the same import may be started again.
func Import(ctx context.Context, r io.Reader, to Target, o ImportOptions) (Position, error) {
	i := importer{
		ctx: ctx, to: to, options: o, position: o.From,
		users: make(map[chat.UserID]chat.UserID), slots: semaphore.NewWeighted(window),
	}
	err := i.all(bufio.NewReaderSize(r, 1<<16))
	if flushed := i.flush(); err == nil {
		err = flushed
	}
	if err == nil && !i.ended {
		err = errors.New("the archive has no end line: it was cut off; what was there is imported")
	}
	return i.position, err
}

type importer struct {
	ctx      context.Context // of the one call that the importer lives for
	to       Target
	options  ImportOptions
	position Position
	ended    bool
	settled  bool

	users   map[chat.UserID]chat.UserID // cache of the origin's ids
	waiting []User
	current struct {
		from  chat.ConversationID
		place Place
	}

	slots *semaphore.Weighted
	cost  int64 // of the line under way
	wg    sync.WaitGroup

	// guarded by mu
	mu     sync.Mutex
	failed error
}

func (i *importer) all(r *bufio.Reader) error {
	var number uint64
	var offset int64
	for {
		text, err := readLine(r)
		if errors.Is(err, io.EOF) && len(text) == 0 {
			return nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("line %d: %w", number+1, err)
		}
		number++
		offset += int64(len(text))
		if number > 1 && number <= i.options.From.Line {
			if number == i.options.From.Line && i.options.From.Sum != 0 && i.options.From.Sum != crc32.ChecksumIEEE(text) {
				return fmt.Errorf("line %d: the archive is not what it was when its import stopped there; remove the position file to begin anew", number)
			}
			continue
		}
		i.cost = int64(len(text)) + lineCost
		if err := i.line(text, number); err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
		if number%progressEvery == 0 {
			if err := i.flush(); err != nil {
				return fmt.Errorf("before line %d: %w", number, err)
			}
			i.position.Line, i.position.Offset, i.position.Sum = number, offset, crc32.ChecksumIEEE(text)
			if i.options.Progress != nil {
				i.options.Progress(i.position)
			}
		}
	}
}

func (i *importer) line(text []byte, number uint64) error {
	if err := i.ctx.Err(); err != nil {
		return fmt.Errorf("importing: %w", err)
	}
	kind, err := typeOf(text)
	if err != nil {
		return err
	}
	if number == 1 {
		return i.header(text, kind)
	}
	if kind != typeUser {
		if err := i.flushUsers(); err != nil {
			return err
		}
	}
	switch kind {
	case typeUser:
		return decode(text, i.user)
	case typeConversation:
		return decode(text, i.conversation)
	case typeEntry:
		return decode(text, i.entry)
	case typeMember:
		return nil
	case typeRead:
		return decode(text, i.read)
	case typeRelation:
		return decode(text, i.relation)
	case typePrivacy:
		return decode(text, i.privacy)
	case typeSetting:
		return decode(text, i.setting)
	case typeEnd:
		i.ended = true
		return nil
	default:
		return fmt.Errorf("unknown type %q; a newer program may have written it", kind)
	}
}

func (i *importer) header(text []byte, kind string) error {
	var h header
	if err := json.Unmarshal(text, &h); err != nil || kind != typeHeader || h.Origin == "" {
		return errNoArchive()
	}
	if h.Version > version {
		return errNewer(h.Version)
	}
	if from := i.options.From.Origin; from != "" && from != h.Origin {
		return fmt.Errorf("the position belongs to another archive (%s, not %s); remove the position file to begin anew", from, h.Origin)
	}
	i.position.Origin = h.Origin
	return nil
}

func (i *importer) user(u userLine) error {
	if u.ID == 0 {
		return errors.New("a user needs an id")
	}
	clean, err := i.position.Cleaned.user(u.User)
	if err != nil {
		return err
	}
	if clean.Handle != "" && !i.to.Handle(clean.Handle) {
		clean.Handle = "" // the account is found by its external id
		i.position.Cleaned.Handles++
	}
	i.waiting = append(i.waiting, clean)
	i.position.Counts.Users++
	if len(i.waiting) < userBatch {
		return nil
	}
	return i.flushUsers()
}

func (i *importer) flushUsers() error {
	if len(i.waiting) == 0 {
		return nil
	}
	ids, err := i.to.Users(i.ctx, i.position.Origin, i.waiting)
	if err != nil {
		return fmt.Errorf("users: %w", err)
	}
	for n, u := range i.waiting {
		i.remember(u.ID, ids[n])
	}
	i.waiting = i.waiting[:0]
	return nil
}

func (i *importer) remember(from, to chat.UserID) {
	if len(i.users) >= cacheBound {
		clear(i.users)
	}
	i.users[from] = to
}

// userID is the user's id in the target; 0 stays the server.
func (i *importer) userID(from chat.UserID) (chat.UserID, error) {
	if from == 0 {
		return 0, nil
	}
	if to, ok := i.users[from]; ok {
		return to, nil
	}
	to, err := i.to.User(i.ctx, i.position.Origin, from)
	if err != nil {
		return 0, fmt.Errorf("user %d: %w", from, err)
	}
	if to == 0 {
		return 0, fmt.Errorf("user %d does not stand in the archive", from)
	}
	i.remember(from, to)
	return to, nil
}

func (i *importer) conversation(c conversation) error {
	kind, err := parseKind(c.Kind)
	if err != nil {
		return err
	}
	about := chat.Conversation{ID: c.ID, Kind: kind, Name: cleanGroupName(c.Name)}
	if kind == chat.KindDirect {
		if len(c.Pair) != 2 {
			return errors.New("a direct conversation has a pair of users")
		}
		a, err := i.userID(c.Pair[0])
		if err != nil {
			return err
		}
		b, err := i.userID(c.Pair[1])
		if err != nil {
			return err
		}
		about.Pair = [2]chat.UserID{min(a, b), max(a, b)}
	}
	place, err := i.to.Place(i.ctx, i.position.Origin, about)
	if err != nil {
		return fmt.Errorf("conversation %d: %w", c.ID, err)
	}
	i.current.from, i.current.place = c.ID, place
	i.settled = false // a resumed archive has conversations behind settings
	i.position.Counts.Conversations++
	return nil
}

// place is where a conversation of the archive goes.
func (i *importer) place(id chat.ConversationID) (Place, error) {
	if i.current.from == id && id != 0 {
		return i.current.place, nil
	}
	p, err := i.to.Placed(i.ctx, i.position.Origin, id)
	if err != nil {
		return Place{}, fmt.Errorf("conversation %d: %w", id, err)
	}
	if p.ID == 0 {
		return Place{}, fmt.Errorf("conversation %d does not stand before it in the archive", id)
	}
	i.current.from, i.current.place = id, p
	return p, nil
}

func (i *importer) entry(e entry) error {
	p, err := i.place(e.Conversation)
	if err != nil {
		return err
	}
	i.position.Counts.Entries++
	client, err := parseClientIDText(e.ClientID)
	if err != nil {
		return err
	}
	switch {
	case !p.Shared && e.Seq <= p.Head:
		return nil
	case p.Shared && client.IsZero():
		return nil // what began the conversation and changed its members stands there in its own way
	}
	sender, err := i.userID(e.Sender)
	if err != nil {
		return err
	}
	b, err := i.position.Cleaned.decode(e.Body)
	if err != nil {
		return err
	}
	if b, err = mapUsers(b, i.userID); err != nil {
		return err
	}
	if p.Shared && amends(b) {
		return nil // the messages say already what they say now, and have other seqs there
	}
	d := &chat.Draft{Conversation: p.ID, Sender: sender, ClientID: client, Body: b, TimeMS: max(1, e.TimeMS)}
	if d.Refers, err = e.Refers.decode(p.Shared, i.userID); err != nil {
		return err
	}
	if !p.Shared {
		d.At = e.Seq
	}
	return i.submit(d, e.Seq)
}

func amends(b chat.Body) bool {
	switch b.(type) {
	case chat.Edit, chat.Recall, chat.Pin:
		return true
	default:
		return false
	}
}

func (i *importer) read(r read) error {
	p, err := i.place(r.Conversation)
	if err != nil || p.Shared {
		return err
	}
	user, err := i.userID(r.User)
	if err != nil {
		return err
	}
	if len(r.Hidden) > 0 {
		d := &chat.Draft{Conversation: p.ID, Sender: user}
		for _, s := range r.Hidden {
			d.Hide = append(d.Hide, chat.Span{From: s[0], To: s[1]})
		}
		if err := i.submit(d, r.Seq); err != nil {
			return err
		}
	}
	return i.submit(&chat.Draft{Conversation: p.ID, Sender: user, Mark: r.Seq}, r.Seq)
}

// submit sends a draft on its way; a refusal stops the import a little later.
func (i *importer) submit(d *chat.Draft, seq chat.Seq) error {
	cost := i.cost
	if err := i.slots.Acquire(i.ctx, cost); err != nil {
		return fmt.Errorf("importing: %w", err)
	}
	i.wg.Add(1)
	i.to.Submit(d, func(r chat.Result) {
		if r.Err != nil {
			i.mu.Lock()
			if i.failed == nil {
				i.failed = fmt.Errorf("conversation %d, seq %d: %w", d.Conversation, seq, r.Err)
			}
			i.mu.Unlock()
		}
		i.slots.Release(cost)
		i.wg.Done()
	})
	return nil
}

func (i *importer) setting(s setting) error {
	if !i.settled {
		if err := i.flush(); err != nil {
			return err
		}
		if err := i.to.Settle(i.ctx); err != nil {
			return fmt.Errorf("waiting for timelines: %w", err)
		}
		i.settled = true
	}
	p, err := i.place(s.Conversation)
	if err != nil {
		return err
	}
	user, err := i.userID(s.User)
	if err != nil {
		return err
	}
	stored, err := i.to.Settings(i.ctx, user, p.ID, chat.Settings{
		Pinned: s.Pinned, Muted: s.Muted, Archived: s.Archived, MarkedUnread: s.MarkedUnread, Draft: s.Draft,
	})
	if err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	if !stored {
		i.position.Cleaned.Settings++ // of a member who came after the conversation was exported
	}
	return nil
}

func (i *importer) relation(r relationLine) error {
	var err error
	for _, id := range []*chat.UserID{&r.User, &r.Other} {
		if *id, err = i.userID(*id); err != nil {
			return err
		}
	}
	if r.User == 0 || r.Other == 0 {
		return errors.New("a relation needs two users")
	}
	if r.User == r.Other {
		return nil // two of the archive are one here
	}
	r.Note, r.Remark = cleanShort(r.Note, chat.MaxRequestNote), cleanShort(r.Remark, chat.MaxNameRunes)
	if err := i.to.Relation(i.ctx, r.Relation); err != nil {
		return fmt.Errorf("what user %d is to user %d: %w", r.User, r.Other, err)
	}
	return nil
}

func (i *importer) privacy(p privacyLine) error {
	var err error
	if p.User, err = i.userID(p.User); err != nil {
		return err
	}
	if p.User == 0 {
		return errors.New("settings of privacy need a user")
	}
	if err := i.to.Privacy(i.ctx, p.Privacy); err != nil {
		return fmt.Errorf("what user %d says about who may do what: %w", p.User, err)
	}
	return nil
}

// flush waits for everything that is on its way.
func (i *importer) flush() error {
	err := i.flushUsers()
	i.wg.Wait()
	i.mu.Lock()
	defer i.mu.Unlock()
	return errors.Join(err, i.failed)
}
