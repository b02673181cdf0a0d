package app

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/archive"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/social"
	"github.com/throng-im/throng/internal/timeline"
)

// export writes everything as it is now.
func (a *App) export(ctx context.Context, w io.Writer, o archive.ExportOptions) error {
	picture, err := a.core.engine.archives.Picture(ctx)
	if err != nil {
		return fmt.Errorf("exporting: %w", err)
	}
	_, err = archive.Export(ctx, w, picture, o)
	return errors.Join(err, picture.Close())
}

// importTarget is what an import writes into.
func (a *App) importTarget() archive.Target {
	return importTarget{imports: a.core.engine.archives.Imports(), messages: a.core.messages, core: a.core}
}

type importTarget struct {
	imports

	messages *message.Service
	core     *core
}

// Submit implements archive.Target.
func (t importTarget) Submit(d *chat.Draft, done func(chat.Result)) { t.messages.Submit(d, done) }

// Settle implements archive.Target.
func (t importTarget) Settle(ctx context.Context) error {
	return t.core.engine.settled(ctx)
}

// Settings implements archive.Target.
func (t importTarget) Settings(ctx context.Context, user chat.UserID, id chat.ConversationID, s chat.Settings) (bool, error) {
	m, err := t.core.engine.directory.Member(ctx, id, user)
	if err != nil || len(m.Spans) == 0 {
		return false, err
	}
	read, err := t.core.engine.directory.Read(ctx, id, user)
	if err != nil {
		return false, err
	}
	_, err = t.core.engine.rows.PutSettings(ctx, user, id, timeline.Patch{
		Pinned: &s.Pinned, Muted: &s.Muted, Archived: &s.Archived, MarkedUnread: &s.MarkedUnread, Draft: &s.Draft, MarkedAt: read.Seq,
	})
	return err == nil, err
}

// Relation implements archive.Target. Relations to accounts that are gone are left out.
func (t importTarget) Relation(ctx context.Context, r archive.Relation) error {
	err := t.core.relations.Restore(ctx, r.User, r.Other, social.Said{Friend: r.Friend, Note: r.Note, AtMS: r.AtMS, Follow: r.Follow, Block: r.Block, Remark: r.Remark})
	if e := chat.AsError(err); e != nil && e.Reason == chat.ReasonUserNotFound {
		return nil
	}
	return err //nolint:wrapcheck // it says what it was about
}

// Privacy implements archive.Target.
func (t importTarget) Privacy(ctx context.Context, p archive.Privacy) error {
	return t.core.relations.RestorePrivacy(ctx, p.User, p.From) //nolint:wrapcheck // it says what it was about
}

// Handle implements archive.Target.
func (t importTarget) Handle(name string) bool {
	_, err := account.NormalizeHandle(name)
	return err == nil
}
