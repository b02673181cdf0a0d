package chat

// Entry is one record of a conversation's log. Entries are immutable and may be shared: nobody writes to one, or to what
// its Body refers to, after the append. What later entries make of it is another value ([Amend]).
type Entry struct {
	Conversation ConversationID
	Seq          Seq
	Ordinal      Ordinal
	Sender       UserID
	TimeMS       uint64
	ClientID     ClientID // zero where the server wrote it
	Body         Body
	// Act is its place among the acts of admins; zero for what is none.
	Act Act
	// Edited is what edits made of it; nil where there were none, and once the content has gone.
	Edited *Edited
	// Refers is what the message refers to; nil where it is nothing, and once the content has gone.
	Refers *Refers
	Later  Later
}

// Later is what a later version of the server wrote into a record, as it came: whoever changes the record writes it back. It is
// dropped where content is removed, since it may be some.
type Later string

// Body is what an entry says. The set is closed: [Text], [Media], [Custom], [System] are content, [Created],
// [MembersChanged], [Changed], [Dissolved] are events, [Edit] and [Recall] amend an earlier entry, [Pin] is about one, [Tombstone] stands where
// content was, [Opaque] is of a later version.
type Body interface{ body() }

// Countable reports whether entries with this body count as unread.
func Countable(b Body) bool {
	switch b.(type) {
	case Text, Media, Custom, System, Opaque:
		return true
	default:
		// A tombstone is no longer countable as content, but keeps the ordinal that its entry was given.
		return false
	}
}

// Text is a message in words.
type Text struct{ Text string }

// MediaType is what a Media shows.
type MediaType uint8

// The media types.
const (
	MediaImage MediaType = iota + 1
	MediaVideo
	MediaVoice
	MediaFile
)

// Media refers to content that is stored elsewhere.
type Media struct {
	Type       MediaType
	Ref        string // blob reference or https URL
	MIME       string
	Size       uint64 // bytes
	Width      uint32 // pixels
	Height     uint32
	DurationMS uint32
	Name       string
	Caption    string
	Preview    []byte
}

// Custom carries what an application means by itself.
type Custom struct {
	Type     string
	Data     []byte
	Fallback string
}

// System is a notice of the server or a back end.
type System struct {
	Event string
	Args  map[string]string
}

// Created is the first entry of every conversation. Members holds all of them, the owner first.
type Created struct {
	Kind        Kind
	Name        string
	Avatar      string
	Description string
	Open        bool
	Members     []UserID
}

// MemberAction is what happened to members.
type MemberAction uint8

// The member actions.
const (
	MemberAdded MemberAction = iota + 1
	MemberJoined
	MemberLeft
	MemberRemoved
	MemberRole
	MemberTransferred // Users: the new owner
	MemberMuted
	MemberNamed    // Name: what they are called here
	MemberBanned   // Users were members before: UntilMS is until when they may not become some again
	MemberUnbanned // they may
)

// MembersChanged says who came, went or got another role. Users holds all of them; on the wire only the first few go.
type MembersChanged struct {
	Action  MemberAction
	Users   []UserID
	Role    Role   // with MemberAdded and MemberRole
	UntilMS uint64 // with MemberMuted; 0 ends it. With Ban: its end
	// Ban, with MemberRemoved, keeps a user from becoming a member again until UntilMS. Of who is no member any more it becomes MemberBanned.
	Ban bool
	// Name, with MemberNamed, is the nickname in the group; empty takes it away.
	Name string
	// Reason is why, in words; empty for nothing.
	Reason string
}

// Moves returns who becomes a member with the entry and who ceases to be one. A role, a transfer and a mute move nobody.
func (e *Entry) Moves() (in, out []UserID) {
	switch b := e.Body.(type) {
	case Created:
		in = b.Members
	case MembersChanged:
		switch b.Action {
		case MemberAdded, MemberJoined:
			in = b.Users
		case MemberLeft, MemberRemoved:
			out = b.Users
		case MemberRole, MemberTransferred, MemberMuted, MemberNamed, MemberBanned, MemberUnbanned:
		}
	}
	return in, out
}

// Changed names the settings of a group that got new values; nil stays as it is.
type Changed struct {
	Name        *string
	Avatar      *string
	Description *string
	Open        *bool
	SlowModeMS  *uint32
	// Tier is set by administrators of the server only; 0 lets the conversation go by its size.
	Tier *Tier
	// Joining is how people become members by themselves. Open says so, too, for those who know of no more.
	Joining *Joining
	Posting *Posting
	// QuietUntilMS is until when plain members may not send: nobody but admins; 0 ends it.
	QuietUntilMS *uint64
	// History lets newcomers read what is said from here on before they come.
	History      *bool
	Announcement *string
}

// Dissolved is the last entry of a group.
type Dissolved struct{}

// TombstoneReason is why content is gone.
type TombstoneReason uint8

// The reasons.
const (
	TombstoneRetention TombstoneReason = iota + 1
	TombstoneErased
	TombstoneRecalled
)

// Tombstone stands where content was.
type Tombstone struct {
	Reason TombstoneReason
	// Seq, By and Note are of the recall, where it was one: its entry, who did it (0 is the server), and why in words.
	Seq  Seq
	By   UserID
	Note string
}

// Opaque is a body of a kind that only a later version of the server knows, as it was stored. Clients are told an entry without a body,
// which counts as a message; removing content removes it.
type Opaque struct {
	Kind byte
	Raw  string
}

func (Text) body()           {}
func (Media) body()          {}
func (Custom) body()         {}
func (System) body()         {}
func (Created) body()        {}
func (MembersChanged) body() {}
func (Changed) body()        {}
func (Dissolved) body()      {}
func (Tombstone) body()      {}
func (Edit) body()           {}
func (Recall) body()         {}
func (Pin) body()            {}
func (Opaque) body()         {}
