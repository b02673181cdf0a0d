package app

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/social"
)

// wireRelations builds what people are to each other.
func (a *App) wireRelations() (err error) {
	c := a.core
	c.lists = newListNews(c.fanout.Relations, a.log)
	c.relations, err = social.New(a.cfg.Social, social.Deps{
		Rows: c.engine.relations, Users: c.accounts, Doors: doors{c.conversations, c.node}, Tell: c.lists.tell, Mine: c.engine.tends, Logger: a.log, Now: a.options.Now,
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
