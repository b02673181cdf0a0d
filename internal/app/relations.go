package app

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/social"
)

// wireRelations builds what people are to each other.
func (a *App) wireRelations() (err error) {
	c := a.core
	c.lists = newListNews(c.fanout.Relations, a.log)
	c.relations, err = social.New(a.cfg.Social, social.Deps{
		Rows: c.engine.relations, Users: c.accounts, Doors: doors{c.conversations, c.node, c.engine}, Groups: commons{c.engine}, Tell: c.lists.tell, Mine: c.engine.tends, Logger: a.log, Now: a.options.Now,
	})
	if err != nil {
		return fmt.Errorf("building the relations: %w", err)
	}
	return nil
}

// terms are the relations, which are built after the conversations.
type terms struct{ core *core }

// Bar implements conversation.Terms.
func (t terms) Bar(ctx context.Context, sender, receiver chat.UserID) (chat.Bar, error) {
	return t.core.relations.Bar(ctx, sender, receiver) //nolint:wrapcheck // it says what it was about
}

// commons are the groups that users are in.
type commons struct{ engine *engine }

// Common implements social.Groups.
func (g commons) Common(ctx context.Context, a, b chat.UserID) (bool, error) {
	of := func(user chat.UserID) ([]chat.ConversationID, error) {
		ids, err := g.engine.rows.Memberships(ctx, user)
		slices.Sort(ids)
		return ids, err //nolint:wrapcheck // a port's
	}
	mine, err := of(a)
	if err != nil {
		return false, err
	}
	theirs, err := of(b)
	if err != nil {
		return false, err
	}
	both := slices.DeleteFunc(mine, func(id chat.ConversationID) bool {
		_, ok := slices.BinarySearch(theirs, id)
		return !ok
	})
	found := false
	err = eachConversation(ctx, g.engine, both, func(c chat.Conversation) { found = found || c.Kind == chat.KindGroup })
	return found, err
}

// Peers implements social.Doors.
func (d doors) Peers(ctx context.Context, user chat.UserID) (peers []chat.UserID, err error) {
	if err := d.engine.settled(ctx); err != nil {
		return nil, err
	}
	ids, err := d.engine.rows.Memberships(ctx, user)
	if err != nil {
		return nil, err //nolint:wrapcheck // a port's
	}
	err = eachConversation(ctx, d.engine, ids, func(c chat.Conversation) {
		if peer := c.Peer(user); peer != 0 && peer != user {
			peers = append(peers, peer)
		}
	})
	return peers, err
}

// conversationsAtOnce is how many conversations are looked up together.
const conversationsAtOnce = 500

// eachConversation calls fn for what stands about conversations.
func eachConversation(ctx context.Context, e *engine, ids []chat.ConversationID, fn func(chat.Conversation)) error {
	for some := range slices.Chunk(ids, conversationsAtOnce) {
		all, err := e.logs.Conversations(ctx, some)
		if err != nil {
			return err //nolint:wrapcheck // a port's
		}
		for i := range all {
			fn(all[i])
		}
	}
	return nil
}

// newsWaiting bounds what waits to be told of lists of relations. What does not fit is let go of: devices ask when they connect.
const newsWaiting = 4_096

// listNews tells users' devices that their lists of relations have changed.
type listNews struct {
	// immutable after construction
	deliver func(ctx context.Context, user chat.UserID, version uint64) error
	log     *slog.Logger
	news    chan listVersion
}

// listVersion is what a user's list has come to.
type listVersion struct {
	user    chat.UserID
	version uint64
}

func newListNews(deliver func(ctx context.Context, user chat.UserID, version uint64) error, log *slog.Logger) *listNews {
	return &listNews{deliver: deliver, log: log, news: make(chan listVersion, newsWaiting)}
}

// tell does not block.
func (l *listNews) tell(user chat.UserID, version uint64) {
	select {
	case l.news <- listVersion{user, version}:
	default:
		l.log.Warn("too many lists of relations change at once; some devices ask when they connect", "user", user)
	}
}

// run delivers until ctx ends.
func (l *listNews) run(ctx context.Context) error {
	each(ctx, l.news, func(ctx context.Context, v listVersion) {
		if err := l.deliver(ctx, v.user, v.version); err != nil && ctx.Err() == nil {
			l.log.Debug("devices were not told of a list of relations; they ask when they connect", "user", v.user, "error", err)
		}
	})
	return nil
}
