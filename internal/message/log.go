package message

import (
	"context"

	"github.com/throng-im/throng/internal/chat"
)

// Log is the port of the durable log. All methods may be called from any goroutine; slices and entries that it returns
// belong to the caller but must not be written to where they refer to shared entries; arguments are borrowed until return.
//
//   - LOG-1 Seqs of a conversation are 1…n without gap or repeat, after any crash.
//   - LOG-2 Append decides drafts in order, each on the state that the ones before it leave, by [Decide]; refused drafts
//     store nothing and do not hinder the others.
//   - LOG-3 Append returns once the decisions are applied: a later Append, from any caller, is decided after them.
//   - LOG-4 Wait returns nil once everything that the decisions rest on is durable. Until then no answer may leave.
//   - LOG-5 What Range, Heads, and the Directory's reads return is durable: it stands after any crash.
//   - LOG-6 A draft whose (conversation, sender, client id) stands already gives the first one's result with Repeat set, or
//     idempotency_conflict where the content differs; for as long as the entry is stored, also after Tombstone.
//   - LOG-7 Membership and role rules hold at the entry's own seq.
//   - LOG-8 A content draft moves its sender's read position to its own seq in the same append.
//   - LOG-9 Each applied entry and each moved read position is an event, in order per conversation, at least once.
//   - LOG-10 An error of Append or Wait is a *chat.Error: unavailable promises that nothing was stored, unknown promises
//     nothing.
//   - LOG-11 Tombstone replaces content, keeps seq, ordinal, sender, time and the repeat's answer; events of members stay. What edited
//     the messages is emptied with them.
//   - LOG-12 A bar of a member of a direct conversation is decided in the order of drafts, and takes the place of none that is newer. Behind it
//     what the member writes is refused. It is no entry, and no event.
//   - LOG-13 A gate of a bar opens when the other member writes, in the same append, and is shut again by a newer bar alone.
//   - LOG-14 What a member's devices have moves forward only, to the head at most. It is no entry, and no event.
//   - LOG-15 An entry that amends others (chat.Amend) has their records replaced in the same append: reads and later decisions show both or
//     neither, and content that has gone does not come back, whoever removed it.
//   - LOG-16 What a member has deleted for oneself is stored with the member, in at most chat.MaxHidden spans, and only grows. It is no entry, and no event.
//   - LOG-17 What an entry makes of the pinned messages (chat.Pins.After) stands about the conversation in the same append.
//   - LOG-18 What a message refers to is stored with it, stays when it is edited, and goes with its content.
type Log interface {
	Append(ctx context.Context, drafts []*chat.Draft) (Applied, error)
	// Range returns entries from..to (both included, ascending) or, backward, the last ones of that span; at most limit
	// entries and maxBytes of stored size, at least one. No membership is looked at. An unknown conversation is empty.
	Range(ctx context.Context, r Range) ([]chat.Entry, error)
	// Heads returns the head of each conversation, in order; the zero Head where there is none.
	Heads(ctx context.Context, ids []chat.ConversationID) ([]chat.Head, error)
	// Tombstone removes the content of the countable entries of the span that match: sender 0 matches all. It returns how
	// many it changed, durably.
	Tombstone(ctx context.Context, id chat.ConversationID, span chat.Span, sender chat.UserID, why chat.TombstoneReason) (int, error)
	// Epoch is raised when the log was restored from a backup.
	Epoch() uint64
}

// Applied is an append that is decided but perhaps not durable yet.
type Applied interface {
	// Results are in the order of the drafts. They must not be told to anybody before Wait has returned nil.
	Results() []chat.Result
	// Wait blocks until the append is durable.
	Wait(ctx context.Context) error
}

// Range asks for entries of one conversation.
type Range struct {
	Conversation chat.ConversationID
	From, To     chat.Seq // To 0 is the head
	Limit        int      // 1 to chat.MaxRangeEntries
	MaxBytes     int      // stored bytes; 0 is chat.MaxRangeBytes
	Backward     bool
}
