package chat

// Bounds that are part of the protocol. Settings may lower some of them, none may be raised.
const (
	MaxTextRunes       = 100_000
	MaxTextBytes       = 400_000
	MaxRangeEntries    = 200       // entries of one range
	MaxRangeBytes      = 512 << 10 // encoded bytes of one range; at least one entry goes whatever its size
	MaxMembersAtOnce   = 1_000     // members added by one entry
	MaxNameRunes       = 128       // of groups and users
	MaxHandleRunes     = 64
	MaxExternalID      = 128 // bytes
	MaxRefBytes        = 2_048
	MaxDescription     = 4_096 // bytes
	MaxCustomBytes     = 256 << 10
	MaxDraftBytes      = 16 << 10 // a stored draft of a user, per conversation
	HeadOnlyBytes      = 16 << 10 // entries larger than this are delivered as a hint and pulled
	MemberPreview      = 10       // users that an entry of members names on the wire
	MaxConversations   = 10_000   // conversations of one user
	MaxFrameBytes      = 512 << 10
	MaxFirstFrameBytes = 64 << 10   // with the token: who sends it may be anybody
	MaxFocus           = 8          // conversations that a session has open at once
	MaxSlowModeMS      = 86_400_000 // a day
	MaxChunkEntries    = 10         // entries of one chunk
	MaxChunkBytes      = 64 << 10   // encoded bytes of one chunk; at least one entry goes whatever its size
	MaxProfiles        = 200        // profiles that one answer carries by itself
	MaxProfileBytes    = 64 << 10   // of their names and avatars
	MaxAnnouncement    = 4_096      // bytes of what a group announces
	MaxAnswerBytes     = 4_096      // of all answers to them together
	MaxJoinRequests    = 1_000      // that wait for the admins of one group
	MaxNicknameRunes   = 64         // in a group
	MaxActReason       = 256        // bytes of why an admin did something
	MaxActs            = 10_000     // of admins that a group shows, the newest ones
	NicknameEveryMS    = 10_000     // between two nicknames that a member takes
	MaxRelations       = 10_000     // friends and requests of one user, and as many follows, blocks and remarks each
	MaxRequestNote     = 256        // characters of the note of a friend request
	MaxMentions        = 50         // users whom one message names
	MaxEdits           = 50         // edits of one message
	MaxNoteBytes       = 256        // of the reason that a recall gives
	MaxLinks           = 100        // invite links of one group that let people in
	MaxMemberLinks     = 5          // ... that one plain member made
	MaxAttributes      = 32
	MaxAttributeBytes  = 4_096 // all of a user's attributes together
)
