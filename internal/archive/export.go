package archive

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/throng-im/throng/internal/chat"
)

// Source is a still picture of an install. Each method calls fn in ascending order of ids and ends with fn's first error.
type Source interface {
	// Origin names the install, the same for every export of it.
	Origin() string
	Users(ctx context.Context, fn func(User) error) error
	Conversations(ctx context.Context, fn func(chat.Conversation) error) error
	// Entries gives those above after.
	Entries(ctx context.Context, id chat.ConversationID, after chat.Seq, fn func(*chat.Entry) error) error
	// Members gives everybody who is or was a member, with the read position.
	Members(ctx context.Context, id chat.ConversationID, fn func(chat.Member, chat.Read) error) error
	// Relations gives what users say about others, where that is something.
	Relations(ctx context.Context, fn func(Relation) error) error
	// Privacy gives what users say about who may do what, where that is something.
	Privacy(ctx context.Context, fn func(Privacy) error) error
	// Settings gives those that differ from the default.
	Settings(ctx context.Context, fn func(chat.UserID, chat.ConversationID, chat.Settings) error) error
}

// ExportOptions of an export.
type ExportOptions struct {
	// Passwords: the hashes of passwords are exported, so that people can sign in where it is imported.
	Passwords bool
	// NowMS goes into the header.
	NowMS uint64
	// From is where an earlier export was cut off; the zero value begins anew.
	From Cut
}

// Counts are what an archive held.
type Counts struct{ Users, Conversations, Entries uint64 }

// Export writes an install as JSON lines, or what is missing of an archive that was cut off.
//
// What it writes is of one moment. A resumed archive is of two, and whole all the same: users and conversations that are new stand
// behind the cut, and the conversation that was cut in goes on at the next seq, which is right because seqs have no gaps
// and entries do not change. Settings are all of the later moment. Different from an archive of one moment are users and conversations
// that stood before the cut: they are as they were then, so that later changes and messages are not in it, and what was erased since is.
func Export(ctx context.Context, w io.Writer, src Source, o ExportOptions) (Counts, error) {
	buffer := bufio.NewWriterSize(w, 1<<16)
	e := exporter{ctx: ctx, src: src, out: json.NewEncoder(buffer), options: o, from: o.From, counts: o.From.Counts}
	e.out.SetEscapeHTML(false)
	if err := e.all(); err != nil {
		return e.counts, err
	}
	if err := buffer.Flush(); err != nil {
		return e.counts, fmt.Errorf("writing the export: %w", err)
	}
	return e.counts, nil
}

type exporter struct {
	ctx     context.Context // of the one call that the exporter lives for
	src     Source
	out     *json.Encoder
	options ExportOptions
	from    Cut
	counts  Counts
}

func (e *exporter) write(l any) error {
	if err := e.ctx.Err(); err != nil {
		return fmt.Errorf("exporting: %w", err)
	}
	if err := e.out.Encode(l); err != nil {
		return fmt.Errorf("writing the export: %w", err)
	}
	return nil
}

func (e *exporter) all() error {
	if err := e.begin(); err != nil {
		return err
	}
	err := e.src.Users(e.ctx, func(u User) error {
		if e.from.Users.has(uint64(u.ID)) {
			return nil
		}
		if !e.options.Passwords {
			u.Password = ""
		}
		e.counts.Users++
		return e.write(userLine{Type: typeUser, User: u})
	})
	if err != nil {
		return fmt.Errorf("exporting users: %w", err)
	}
	// First what was cut in the middle: its entries up to there stand right before.
	if id := e.from.Open; id != 0 {
		if err := e.inside(id, e.from.LastSeq); err != nil {
			return fmt.Errorf("going on with an export: %w", err)
		}
	}
	if err := e.src.Conversations(e.ctx, e.conversation); err != nil {
		return fmt.Errorf("exporting conversations: %w", err)
	}
	err = e.src.Relations(e.ctx, func(r Relation) error { return e.write(relationLine{Type: typeRelation, Relation: r}) })
	if err != nil {
		return fmt.Errorf("exporting relations: %w", err)
	}
	err = e.src.Privacy(e.ctx, func(p Privacy) error { return e.write(privacyLine{Type: typePrivacy, Privacy: p}) })
	if err != nil {
		return fmt.Errorf("exporting privacy: %w", err)
	}
	err = e.src.Settings(e.ctx, func(user chat.UserID, id chat.ConversationID, s chat.Settings) error {
		return e.write(setting{
			Type: typeSetting, Conversation: id, User: user, Pinned: s.Pinned, Muted: s.Muted, Archived: s.Archived, MarkedUnread: s.MarkedUnread, Draft: s.Draft,
		})
	})
	if err != nil {
		return fmt.Errorf("exporting settings: %w", err)
	}
	return e.write(end{Type: typeEnd, Users: e.counts.Users, Conversations: e.counts.Conversations, Entries: e.counts.Entries})
}

// begin writes the header, or sees that the archive to go on with is of this install.
func (e *exporter) begin() error {
	if !e.from.begun() {
		return e.write(header{
			Type: typeHeader, Version: version, Origin: e.src.Origin(), CreatedMS: e.options.NowMS, Passwords: e.options.Passwords,
		})
	}
	if e.from.Origin != e.src.Origin() {
		return fmt.Errorf("the archive is of another install (%s, not %s); export into a new file", e.from.Origin, e.src.Origin())
	}
	if e.from.Passwords != e.options.Passwords {
		return errors.New("passwords are in all of an archive or in none of it; go on with it as it was begun")
	}
	return nil
}

func (e *exporter) conversation(c chat.Conversation) error {
	if c.ID == e.from.Open || e.from.Conversations.has(uint64(c.ID)) {
		return nil
	}
	e.counts.Conversations++
	out := conversation{
		Type: typeConversation, ID: c.ID, Kind: c.Kind.Name(), Name: c.Name, Avatar: c.Avatar, Description: c.Description, Open: c.Open, Owner: c.Owner,
		CreatedMS: c.CreatedMS,
	}
	if c.Kind == chat.KindDirect {
		out.Pair = c.Pair[:]
	}
	if err := e.write(out); err != nil {
		return err
	}
	return e.inside(c.ID, 0)
}

// inside writes what belongs to a conversation, entries above a seq.
func (e *exporter) inside(id chat.ConversationID, after chat.Seq) error {
	if err := e.src.Entries(e.ctx, id, after, e.entry); err != nil {
		return fmt.Errorf("entries of conversation %d: %w", id, err)
	}
	err := e.src.Members(e.ctx, id, func(m chat.Member, r chat.Read) error { return e.member(id, m, r) })
	if err != nil {
		return fmt.Errorf("members of conversation %d: %w", id, err)
	}
	return nil
}

func (e *exporter) entry(v *chat.Entry) error {
	e.counts.Entries++
	text, err := encodeBody(v.Body)
	if err != nil {
		return err
	}
	return e.write(entry{
		Type: typeEntry, Conversation: v.Conversation, Seq: v.Seq, Ordinal: v.Ordinal, Sender: v.Sender, TimeMS: v.TimeMS,
		ClientID: clientIDText(v.ClientID), Refers: encodeRefers(v.Refers), Body: text,
	})
}

func (e *exporter) member(id chat.ConversationID, m chat.Member, r chat.Read) error {
	spans := make([][2]chat.Seq, 0, len(m.Spans))
	for _, s := range m.Spans {
		spans = append(spans, [2]chat.Seq{s.From, s.To})
	}
	err := e.write(member{
		Type: typeMember, Conversation: id, User: m.User, Role: roleName(m.Role), JoinedMS: m.JoinedMS, MutedUntilMS: m.MutedUntilMS, Spans: spans,
	})
	if err != nil || r.Seq == 0 {
		return err
	}
	line := read{Type: typeRead, Conversation: id, User: m.User, Seq: r.Seq}
	for _, s := range m.Hidden.Spans() {
		line.Hidden = append(line.Hidden, [2]chat.Seq{s.From, s.To})
	}
	return e.write(line)
}
