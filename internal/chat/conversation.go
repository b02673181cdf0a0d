package chat

// Kind is what a conversation is.
type Kind uint8

// The kinds.
const (
	KindDirect Kind = iota + 1
	KindGroup
	KindSupport
)

// Name is the word for the kind, in archives and reports; empty for what is none.
func (k Kind) Name() string {
	switch k {
	case KindDirect:
		return "direct"
	case KindGroup:
		return "group"
	case KindSupport:
		return "support"
	default:
		return ""
	}
}

// Tier is how a conversation's changes reach its members; chosen by size, held in the head.
type Tier uint8

// The tiers. Small: a timeline change per member. Medium: none, content at once. Large: none, content to who has it open.
const (
	TierSmall Tier = iota + 1
	TierMedium
	TierLarge
)

// Name is the word for the tier, in archives and reports; empty for what is none.
func (t Tier) Name() string {
	switch t {
	case TierSmall:
		return "small"
	case TierMedium:
		return "medium"
	case TierLarge:
		return "large"
	default:
		return ""
	}
}

// Role is what a member may do. Each may do all that the ones before it may.
type Role uint8

// The roles.
const (
	RoleMember Role = iota + 1
	RoleAdmin
	RoleOwner
)

// Head is the end of a conversation's log, with the little that an append must know.
type Head struct {
	Conversation ConversationID
	Kind         Kind
	Tier         Tier
	Dissolved    bool
	Open         bool // anyone who knows the id may join
	// Fixed is the tier that an administrator of the server set; 0: it goes by the number of members.
	Fixed Tier
	// SlowModeMS is how long a plain member waits between two messages; 0 is off.
	SlowModeMS uint32
	Terms      Terms
	// Acts are those of admins.
	Acts      Acts
	Seq       Seq
	Ordinal   Ordinal
	MemberSeq Seq    // seq of the last entry that changed who is a member or what a member may do
	Members   uint32 // how many are members now
	TimeMS    uint64 // server time of the entry at Seq
	// Recalled are messages that were recalled lately: they count no longer for who had not read them.
	Recalled Ordinals
	// Amended is the last entry that amended another one: who keeps entries knows by it whether it has missed some that did.
	Amended Seq
	Later   Later
}

// Exists reports whether there is such a conversation.
func (h Head) Exists() bool { return h.Seq > 0 }

// Conversation is what stands about a conversation besides its log.
type Conversation struct {
	ID          ConversationID
	Kind        Kind
	Name        string
	Avatar      string
	Description string
	Open        bool
	// Announcement is a text that admins show to all members.
	Announcement string
	// Password is the hash of what lets people in, in PHC form. No entry has it, and nobody is told.
	Password string
	// Pins are the pinned messages.
	Pins      Pins
	Owner     UserID    // 0 for direct conversations
	Pair      [2]UserID // lower and higher user of a direct conversation
	CreatedMS uint64
	Later     Later
}

// Peer returns the other user of a direct conversation, 0 for others.
func (c Conversation) Peer(of UserID) UserID {
	switch {
	case c.Kind != KindDirect:
		return 0
	case c.Pair[0] == of:
		return c.Pair[1]
	default:
		return c.Pair[0]
	}
}

// Span is a range of seqs, both ends included. As a membership, To 0 means that it lasts.
type Span struct{ From, To Seq }

// Contains reports whether s lies in the span.
func (p Span) Contains(s Seq) bool { return s >= p.From && (p.To == 0 || s <= p.To) }

// Member is a user's part in a conversation. It outlives the membership: Spans says when it held.
type Member struct {
	User         UserID
	Role         Role // as of the last membership
	JoinedMS     uint64
	MutedUntilMS uint64
	// Spans are the seqs that the user may read, ascending and apart. The entry that ends a membership is its last seq.
	Spans []Span
	// Since is the entry with which the last membership began, where its span reaches further back; 0 where it begins there.
	Since Seq
	// SentMS is when the member last sent in slow mode, by the server's clock; 0 for those whom it does not concern. It outlives the
	// membership.
	SentMS uint64
	// Bar of a direct conversation keeps the member from writing to the other one.
	Bar Bar
	// Holds: the other one's bar has a gate, which opens when this member writes.
	Holds bool
	// Hidden is what the member has deleted for oneself. It outlives the membership.
	Hidden Hidden
	// Got is the highest seq that a device of the member's is known to have. It only grows; what was read is there too, and may be beyond it.
	Got Seq
	// Nickname is what the member is called here; empty for the name that the user has everywhere. NamedMS is when it was set last by the
	// member.
	Nickname string
	NamedMS  uint64
	// BannedUntilMS is until when the user may not become a member again; 0 is not banned.
	BannedUntilMS uint64
	// Left is how the conversation looked when the membership ended; nil for who is a member.
	Left  *Farewell
	Later Later
}

// Bar says whether somebody takes no messages of a member of their direct conversation.
type Bar struct {
	// On is a block, of which the member learns nothing else.
	On bool
	// Gate is whom the other one takes messages of at all; the member is told.
	Gate Gate
	// Version orders bars: an older one changes nothing. It is that of the relations of whoever takes no messages.
	Version uint64
}

// Refusal is the error of who may not write because of the bar; nil where nothing keeps the member. Terms come before a block, so that who is
// blocked reads what any stranger does.
func (b Bar) Refusal() *Error {
	switch {
	case b.Gate == GateFriends:
		return Errorf(CodeForbidden, ReasonFriendsOnly, "this user takes messages of friends only; ask to be friends")
	case b.Gate == GateCommon:
		return Errorf(CodeForbidden, ReasonCommonGroupOnly, "this user takes messages of friends and of members of a common group only")
	case b.On:
		return Errorf(CodeForbidden, ReasonNotAccepted, "this user takes no messages from you")
	default:
		return nil
	}
}

// Gate is what a user's own terms say about who may write.
type Gate uint8

// The gates.
const (
	GateOpen    Gate = iota
	GateFriends      // the user takes messages of friends
	GateCommon       // the user takes messages of friends and of members of a common group
)

// Name is the word for the gate in archives; empty for the open one, and for what is none.
func (g Gate) Name() string {
	switch g {
	case GateFriends:
		return "friends"
	case GateCommon:
		return "common_groups"
	default:
		return ""
	}
}

// GateOf is the gate of a name; ok is false where there is none.
func GateOf(name string) (g Gate, ok bool) {
	for _, g := range []Gate{GateOpen, GateFriends, GateCommon} {
		if g.Name() == name {
			return g, true
		}
	}
	return GateOpen, false
}

// Farewell is what who left still sees of a conversation besides the entries.
type Farewell struct {
	Name   string
	Avatar string
}

// Current reports whether the user is a member now.
func (m Member) Current() bool { return len(m.Spans) > 0 && m.Spans[len(m.Spans)-1].To == 0 }

// Sees reports whether the user may read seq s.
func (m Member) Sees(s Seq) bool {
	for i := len(m.Spans) - 1; i >= 0; i-- {
		if m.Spans[i].Contains(s) {
			return true
		}
	}
	return false
}

// Began is the entry with which the last membership began; 0 for who never was a member.
func (m Member) Began() Seq {
	if len(m.Spans) == 0 {
		return 0
	}
	return max(m.Since, m.Spans[len(m.Spans)-1].From)
}

// Enter makes the user a member with the entry at a seq, into a group whose history is open from another one on; 0: it is not. Of the stays
// before most are remembered; those that the history reaches back to are one with the new one.
func (m *Member) Enter(at, history Seq, most int) {
	from := at
	if history != 0 && history < at {
		from = history
	}
	kept := make([]Span, 0, len(m.Spans)+1)
	for _, s := range m.Spans {
		if s.To+1 >= from && from < at {
			from = min(from, s.From)
			continue
		}
		kept = append(kept, s)
	}
	if len(kept) >= most {
		kept = kept[len(kept)-most+1:]
	}
	kept = append(kept, Span{From: from})
	m.Spans, m.Since = kept, 0
	if from < at {
		m.Since = at
	}
}

// First is the lowest seq that the user may read; 0 for who never was a member.
func (m Member) First() Seq {
	if len(m.Spans) == 0 {
		return 0
	}
	return m.Spans[0].From
}

// Last is the highest seq that the user may read of a log that ends at head.
func (m Member) Last(head Seq) Seq {
	if len(m.Spans) == 0 {
		return 0
	}
	if to := m.Spans[len(m.Spans)-1].To; to != 0 && to < head {
		return to
	}
	return head
}

// Read is a user's read position in a conversation. Positions only grow.
type Read struct {
	Seq     Seq
	Ordinal Ordinal
}

// Receipt is what others see of where a member stands: up to where somebody has read, and has got. What was read was got.
type Receipt struct {
	User      UserID
	Read, Got Seq
}

// Settings are a user's own settings for a conversation.
type Settings struct {
	Pinned       bool
	Muted        bool
	Archived     bool
	MarkedUnread bool
	Draft        string
	// Hidden is [Member.Hidden], which stands elsewhere.
	Hidden Hidden
}
