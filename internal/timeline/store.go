package timeline

import (
	"context"

	"github.com/throng-im/throng/internal/chat"
)

// PTS is a position in one user's timeline.
type PTS uint64

// Store is the port of the timelines: which conversations a user is in, the order in which the small ones changed, and
// the user's own settings for them. It is derived from the log by one follower ([Follower]), settings apart, and can be
// rebuilt. All methods may be called from any goroutine, Apply from the follower alone.
//
//   - TML-1 Apply writes all rows and the follower's position as one batch.
//   - TML-2 Each change gets a pts above all earlier ones of its user; a user has at most one row per conversation.
//   - TML-3 Rows, End, Row and Position return only what is durable: a pts that was given out is never given to another change.
//   - TML-4 A membership change whose seq is not above that of the row leaves the membership as it is. What is then, or was
//     from the start, no change of membership is dropped unless the row says that the user is a member.
//   - TML-5 PutSettings is durable on return and is a change of the user's timeline; concurrent patches all take effect.
//   - TML-6 A quiet change takes no pts: a new row has pts 0, an old one keeps its own.
//   - TML-7 Settings outlive rows' changes and memberships.
//   - TML-8 Where quiet changes only enter, a user's rows and settings stay what they are while the End does, seqs of membership
//     changes apart.
//   - TML-9 Rows and End give out a cursor at their Last. A change that may be spared is dropped only if its row has a pts above all
//     cursors that were given out to its user, and above those that Rows or End are about to return.
type Store interface {
	// Position is where the follower goes on.
	Position(ctx context.Context) (chat.Position, error)
	// Apply writes changes and the position. It returns the pts given to each change, not necessarily durable yet; 0 where
	// the change was dropped or quiet.
	Apply(ctx context.Context, changes []Change, pos chat.Position) ([]PTS, error)
	// Rows returns the user's timeline as of one moment, drafts apart.
	Rows(ctx context.Context, user chat.UserID) (Rows, error)
	// Memberships returns the conversations that Rows would show as Current, in any order. It gives nothing out.
	Memberships(ctx context.Context, user chat.UserID) ([]chat.ConversationID, error)
	// End returns where the user's timeline ends.
	End(ctx context.Context, user chat.UserID) (End, error)
	// Row returns one row, with the draft; ok is false where the user never was in the conversation.
	Row(ctx context.Context, user chat.UserID, id chat.ConversationID) (row Row, ok bool, err error)
	// Drafts returns the user's drafts in conversations, in order; empty where there is none.
	Drafts(ctx context.Context, user chat.UserID, ids []chat.ConversationID) ([]string, error)
	// PutSettings patches the user's settings for a conversation and returns them. Where there is no row yet, it makes one
	// that says that the user is a member, and that any membership change overrules.
	PutSettings(ctx context.Context, user chat.UserID, id chat.ConversationID, p Patch) (Settings, error)
}

// Rows is one user's timeline.
type Rows struct {
	Rows []Row // ascending by pts; those without one come first
	End
}

// End is where one user's timeline ends.
type End struct {
	// Generation is drawn anew whenever the user's timeline is made anew: cursors of another one are answered with a reset. It is
	// from 1 to chat.MaxID.
	Generation uint64
	Last       PTS    // the newest pts
	Current    uint64 // how many conversations the user is in
}

// Change is a change of one user's timeline.
type Change struct {
	User         chat.UserID
	Conversation chat.ConversationID
	// Membership is what happened to the user's part in the conversation; None: the conversation went on.
	Membership Membership
	// Seq of the entry of a membership change.
	Seq chat.Seq
	// Quiet changes are not part of the order of changes.
	Quiet bool
	// Spare: the change may be dropped by rule TML-9. It is no change of a membership. A store that does not remember what was given
	// out writes it.
	Spare bool
}

// Membership says how a change touches who is in a conversation.
type Membership uint8

// The kinds of membership change.
const (
	None Membership = iota
	Entered
	Ended
)

// Row is a conversation in a user's timeline.
type Row struct {
	Conversation chat.ConversationID
	PTS          PTS
	Current      bool     // the user is a member, as of the row's writing
	Seq          chat.Seq // of the last membership change
	Settings     Settings
}

// Settings are a user's own settings for a conversation, as they are stored.
type Settings struct {
	chat.Settings
	// MarkedAt is the read position when the user marked the conversation as unread: reading on ends the mark.
	MarkedAt chat.Seq
	Later    chat.Later
}

// At returns the settings as they show with a read position.
func (s Settings) At(read chat.Read) chat.Settings {
	out := s.Settings
	out.MarkedUnread = s.MarkedUnread && read.Seq <= s.MarkedAt
	return out
}

// Patch names the settings that get new values; nil stays as it is.
type Patch struct {
	Pinned       *bool
	Muted        *bool
	Archived     *bool
	MarkedUnread *bool
	Draft        *string
	// MarkedAt goes with MarkedUnread.
	MarkedAt chat.Seq
}

// On returns the settings with the patch on them.
func (p Patch) On(s Settings) Settings {
	set := func(to *bool, from *bool) {
		if from != nil {
			*to = *from
		}
	}
	set(&s.Pinned, p.Pinned)
	set(&s.Muted, p.Muted)
	set(&s.Archived, p.Archived)
	set(&s.MarkedUnread, p.MarkedUnread)
	if p.MarkedUnread != nil {
		s.MarkedAt = p.MarkedAt
	}
	if p.Draft != nil {
		s.Draft = *p.Draft
	}
	return s
}
