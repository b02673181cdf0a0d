package chat

// Slots is into how many slots conversations and users are divided where several databases share them. It never changes: what
// moves between databases is a slot.
const Slots = 1_024

// Slot is a part of the conversations, or of the users, that always lies in one database: 0 to Slots - 1.
type Slot uint16

// Slot returns the conversation's.
func (c ConversationID) Slot() Slot { return slotOf(uint64(c)) }

// Slot returns the user's.
func (u UserID) Slot() Slot { return slotOf(uint64(u)) }

// slotOf spreads ids that are given out in runs (Fibonacci hashing; its ten highest bits).
func slotOf(id uint64) Slot { return Slot(id * 0x9E3779B97F4A7C15 >> 54) }
