package client

import (
	"slices"
	"time"

	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Settings are the user's own settings for a conversation.
type Settings struct {
	Pinned, Muted, Archived, MarkedUnread bool
	Draft                                 string
}

// Conversation is a conversation as the user sees it now: a copy.
type Conversation struct {
	ID          ConversationID
	Kind        throngv1.Kind
	Name        string
	Avatar      string
	Description string
	// Peer is the other user of a direct conversation.
	Peer    UserID
	Members uint32
	// Role is unspecified where the user has left.
	Role throngv1.Role
	// Head is the highest seq known, Delivered the highest that was told.
	Head, Delivered uint64
	// Read is the user's read position, Unread what it leaves.
	Read, Unread uint64
	// First is the first seq that the user may see.
	First uint64
	// Last is the newest entry that was told; shared, do not change it.
	Last       *throngv1.Entry
	Settings   Settings
	Dissolved  bool
	MutedUntil time.Time
	// Tier says how the conversation is delivered; the messages of a large one come at once only while it is in focus.
	Tier throngv1.Tier
	// SlowMode is how long a plain member waits between two messages; 0 is off.
	SlowMode time.Duration
	// What the group holds its members to: how people join, who may send, until when only admins may, whether newcomers read what was said
	// before they came, and a text that its admins show.
	Joining      throngv1.Joining
	Posting      throngv1.Posting
	QuietUntil   time.Time
	History      bool
	Announcement string
	// Batching is how long messages may wait for each other on their way here, and SendWait how long who sends has to expect
	// to wait between two; 0 while the conversation is not busy, or not in focus.
	Batching, SendWait time.Duration
}

// conversation is what the client keeps of one. Guarded by the Client's mu.
type conversation struct {
	stream stream
	view   Conversation
	// tier is what the conversation was at tierSeq.
	tier    throngv1.Tier
	tierSeq uint64
	// served is set while the server brings the messages of a large conversation though nobody has it open: it knows no focus, or
	// the conversation is small again. A hint ends it.
	served bool
	// headOrdinal and readOrdinal make unread, without the messages whose ordinals are recalled: as the server said at recalledSeq, and by
	// the entries that were told since.
	headOrdinal, readOrdinal uint64
	recalled                 []uint64
	recalledSeq              uint64
	// metaSeq is up to where the view's name and members are known from a sync.
	metaSeq uint64
	// known is set once a sync has told of it; until then it is only a stream.
	known bool
	// backlog is the head at the first sync, or when it came into focus: what lies below was there before.
	backlog uint64
	// toldHead is the head that the last Behind told.
	toldHead uint64
	// behindQueued and batchingQueued are set while such an event waits to be taken.
	behindQueued, batchingQueued bool
	toldBatching                 Batching
	// acked is the highest seq that the server was told to have arrived.
	acked uint64
	// hidden is what the user has deleted, ascending.
	hidden []*throngv1.HiddenSpan
	// pins are the seqs of the pinned messages, the one that was pinned last first.
	pins []uint64
	// window holds the newest entries that were told, while the conversation is hot.
	window []*throngv1.Entry
	used   uint64 // the clock of the last use, for which windows stay
}

func (cv *conversation) snapshot() Conversation {
	v := cv.view
	v.Head, v.Unread, v.Tier = cv.stream.head, cv.unread(), cv.tier
	if cv.stream.next > 0 {
		v.Delivered = cv.stream.next - 1
	}
	return v
}

// tiered takes the tier that the conversation has at a seq, and reports whether it is another one. Heads of digests may be
// older than what deliveries told; what is known of a later seq stands.
func (cv *conversation) tiered(seq uint64, tier throngv1.Tier) (changed bool) {
	if tier == throngv1.Tier_TIER_UNSPECIFIED || seq < cv.tierSeq {
		return false
	}
	changed = cv.tier != tier
	cv.tier, cv.tierSeq = tier, seq
	return changed
}

func (cv *conversation) unread() uint64 {
	if cv.headOrdinal <= cv.readOrdinal {
		return 0
	}
	n := cv.headOrdinal - cv.readOrdinal
	for _, ordinal := range cv.recalled {
		if ordinal > cv.readOrdinal && ordinal <= cv.headOrdinal {
			n--
		}
	}
	return n - min(n, cv.uncounted())
}

// counted is the conversation's part of the total: those of which the user is no member any more have none.
func (cv *conversation) counted() uint64 {
	if cv.view.Settings.Muted || cv.view.Role == throngv1.Role_ROLE_UNSPECIFIED {
		return 0
	}
	return cv.unread()
}

func (cv *conversation) read(seq, ordinal uint64) bool {
	if seq <= cv.view.Read {
		return false
	}
	cv.view.Read = seq
	cv.readOrdinal = max(cv.readOrdinal, ordinal)
	cv.view.Settings.MarkedUnread = false
	return true
}

func settingsOf(s *throngv1.ConversationSettings) Settings {
	return Settings{
		Pinned: s.GetPinned(), Muted: s.GetMuted(), Archived: s.GetArchived(), MarkedUnread: s.GetMarkedUnread(),
		Draft: s.GetDraft(),
	}
}

// keep puts an entry into the conversation's window and forgets the windows that were not used for longest.
func (c *Client) keep(cv *conversation, e *throngv1.Entry) {
	limit := c.opts.Window
	if limit == 0 {
		return
	}
	if cv.window == nil {
		c.hot++
	}
	c.clock++
	cv.used = c.clock
	if Enters(e, c.me) { // AMD-16
		clear(cv.window)
		cv.window = cv.window[:0]
	}
	if len(cv.window) >= 2*limit { // trim by half, so that each entry is moved once
		n := copy(cv.window, cv.window[len(cv.window)-limit:])
		clear(cv.window[n:])
		cv.window = cv.window[:n]
	}
	cv.window = append(cv.window, e)
	if c.hot > c.opts.HotConversations+c.opts.HotConversations/8 {
		c.coolDown()
	}
}

func (c *Client) coolDown() {
	hot := make([]*conversation, 0, c.hot)
	for _, cv := range c.conversations {
		if cv.window != nil {
			hot = append(hot, cv)
		}
	}
	slices.SortFunc(hot, func(a, b *conversation) int { return int(b.used) - int(a.used) })
	for _, cv := range hot[min(c.opts.HotConversations, len(hot)):] {
		cv.window = nil
	}
	c.hot = min(c.hot, c.opts.HotConversations)
}
