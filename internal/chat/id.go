package chat

import (
	"encoding/hex"
	"strconv"
)

// MaxID is the largest user, device or conversation id: ids stay exact in a JavaScript number.
const MaxID = 1<<53 - 1

// UserID is a person. 0 is nobody; as a sender it is the server itself.
type UserID uint64

// DeviceID is one installed client. Device ids are unique over all users.
type DeviceID uint64

// ConversationID is where messages go.
type ConversationID uint64

// Seq is the position of an entry in its conversation: 1, 2, 3, … with no gap. 0 is before the first.
type Seq uint64

// Ordinal counts the countable entries of a log up to and including an entry.
type Ordinal uint64

// ClientID is the UUID that a sender's client chose for a message. The zero value is none.
type ClientID [16]byte

// IsZero reports that no client id was given.
func (c ClientID) IsZero() bool { return c == ClientID{} }

// String returns the UUID in its canonical form.
func (c ClientID) String() string {
	var b [36]byte
	hex.Encode(b[0:8], c[0:4])
	hex.Encode(b[9:13], c[4:6])
	hex.Encode(b[14:18], c[6:8])
	hex.Encode(b[19:23], c[8:10])
	hex.Encode(b[24:36], c[10:16])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return string(b[:])
}

// ParseClientID takes the 16 bytes of a UUID. Anything else, and the nil UUID, is refused with client_id_invalid.
func ParseClientID(b []byte) (ClientID, error) {
	var c ClientID
	if len(b) != len(c) {
		return c, Errorf(CodeInvalid, ReasonClientIDInvalid, "a client id is a UUID of 16 bytes, this one has %d", len(b))
	}
	copy(c[:], b)
	if c.IsZero() {
		return c, Errorf(CodeInvalid, ReasonClientIDInvalid, "the nil UUID is not a client id")
	}
	return c, nil
}

// ParseID reads a decimal id in its canonical form, 1 to MaxID.
func ParseID(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n == 0 || n > MaxID || strconv.FormatUint(n, 10) != s {
		return 0, Errorf(CodeInvalid, ReasonIDInvalid, "an id is a decimal number from 1 to %d", uint64(MaxID))
	}
	return n, nil
}
