package chat

// Forever is the end of what has none, as a time: of a mute, of a ban.
const Forever = uint64(MaxID)

// Joining is how people become members of a group by themselves.
type Joining uint8

// The ways. Into every group people are also added by its admins.
const (
	// JoiningInvited: nobody joins unasked.
	JoiningInvited Joining = iota
	// JoiningOpen: whoever knows the id.
	JoiningOpen
	// JoiningPassword: who knows the password.
	JoiningPassword
)

// Posting is who may send messages into a group.
type Posting uint8

// The choices.
const (
	PostingAll Posting = iota
	PostingAdmins
)

// Terms are what a group holds its members to, besides slow mode. They stand in its head, which every append looks at.
type Terms struct {
	// Joining is [JoiningPassword], or 0: Head.Open says then which of the others it is.
	Joining Joining
	Posting Posting
	// QuietUntilMS is until when plain members may not send; 0 and what is past is never.
	QuietUntilMS uint64
	// HistoryFrom is the first seq that newcomers may read, where that is before they came; 0: they read from there on. It is where the history
	// was opened: what was said before was said to those who were there.
	HistoryFrom Seq
}

// Joining is how people become members by themselves.
func (h Head) Joining() Joining {
	switch {
	case h.Open:
		return JoiningOpen
	case h.Terms.Joining == JoiningPassword:
		return h.Terms.Joining
	default:
		return JoiningInvited
	}
}

// Apply brings what a head and a conversation say of a group to what a change that is appended at a seq makes of it.
func (c Changed) Apply(at Seq, h *Head, about *Conversation) {
	set(&about.Name, c.Name)
	set(&about.Avatar, c.Avatar)
	set(&about.Description, c.Description)
	set(&about.Announcement, c.Announcement)
	set(&about.Open, c.Open)
	set(&h.SlowModeMS, c.SlowModeMS)
	set(&h.Fixed, c.Tier)
	set(&h.Terms.Posting, c.Posting)
	set(&h.Terms.QuietUntilMS, c.QuietUntilMS)
	if c.Joining != nil {
		h.Terms.Joining, about.Open = *c.Joining, *c.Joining == JoiningOpen
		if about.Open || *c.Joining == JoiningInvited {
			h.Terms.Joining = 0
		}
	} else if c.Open != nil && *c.Open {
		h.Terms.Joining = 0
	}
	if h.Open = about.Open; h.Terms.Joining != JoiningPassword {
		about.Password = ""
	}
	switch {
	case c.History == nil:
	case !*c.History:
		h.Terms.HistoryFrom = 0
	case h.Terms.HistoryFrom == 0:
		h.Terms.HistoryFrom = at
	}
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// Act is the place of an entry among what admins did in a group. Each names the one before: the list needs no rows of its own.
type Act struct {
	// N is how many there were with this one.
	N uint64
	// Prev is the entry of the one before; 0 for the first one.
	Prev Seq
}

// Acts is the end of that list.
type Acts struct {
	N    uint64
	Last Seq
}

// Official reports whether an entry is an act of an admin: what somebody did to the group, or to others in it.
func Official(sender UserID, b Body) bool {
	switch b := b.(type) {
	case Changed, Dissolved:
		return true
	case MembersChanged:
		switch b.Action {
		case MemberAdded, MemberRemoved, MemberRole, MemberTransferred, MemberMuted, MemberBanned, MemberUnbanned:
			return true
		case MemberNamed:
			return len(b.Users) != 1 || b.Users[0] != sender
		case MemberJoined, MemberLeft:
		}
	}
	return false
}
