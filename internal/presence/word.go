package presence

import (
	"encoding/binary"

	"github.com/throng-im/throng/internal/chat"
)

// wordVersion begins what nodes tell each other. Another one is of a node that says it in another way, and is passed over: who watches
// reads anew within the report.
const wordVersion = 1

// Append writes statuses for another node.
func Append(b []byte, list []Status) []byte {
	b = append(b, wordVersion)
	for _, s := range list {
		b = binary.AppendUvarint(b, uint64(s.User))
		b = append(b, byte(s.State))
		b = binary.AppendUvarint(b, s.Version)
	}
	return b
}

// Decode reads them, up to what it cannot read.
func Decode(b []byte) (list []Status) {
	if len(b) == 0 || b[0] != wordVersion {
		return nil
	}
	for b = b[1:]; len(b) > 0; {
		user, n := binary.Uvarint(b)
		if n <= 0 || len(b) <= n {
			return list
		}
		state := State(b[n])
		version, m := binary.Uvarint(b[n+1:])
		if m <= 0 || state > Busy {
			return list
		}
		list = append(list, Status{chat.UserID(user), state, version})
		b = b[n+1+m:]
	}
	return list
}
