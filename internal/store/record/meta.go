package record

import (
	"crypto/rand"
	"encoding/binary"

	"github.com/throng-im/throng/internal/chat"
)

// Format is the layout of keys and records. A folder of a newer one is refused, an older one is upgraded when it is opened.
const Format = 2

// Names of rows in the table of what stands once in a folder. They are numbers, but for MetaBootstrap.
const (
	MetaFormat     = "format"
	MetaEpoch      = "epoch"               // of the log
	MetaTrimmed    = "trimmed"             // events up to here were dropped
	MetaGeneration = "timeline_generation" // of the timelines
	MetaTimeline   = "timeline_position"   // of the timelines' follower
	MetaOrigin     = "archive origin"      // names this install in its exports

	// Counters of the accounts change in the batch that needs them, which makes them durable with it.
	MetaLastUser       = "account last user"
	MetaLastDevice     = "account last device"
	MetaAdministrators = "account administrators"
	MetaBootstrap      = "account bootstrap" // code of the invitation that makes the first administrator

	// MetaNextConversation is beyond all conversation ids that were leased.
	MetaNextConversation = "next conversation"
)

// KeyMeta is the key of what stands once.
func KeyMeta(name string) []byte { return append([]byte{TableMeta}, name...) }

// Draw gives a number that names something for good, a generation of timelines or an install: random, so that it is not met
// again, wherever backups and rebuilds come from. It is never 0.
func Draw() (uint64, error) {
	var b [8]byte
	if _, err := rand.Read(b[:]); err != nil {
		return 0, chat.Wrap(err, chat.CodeInternal, chat.ReasonInternal, "drawing a number")
	}
	return max(binary.BigEndian.Uint64(b[:])&chat.MaxID, 1), nil
}

// Number is the value of a row that is one number: a counter, or an index that leads to an id.
func Number(n uint64) []byte { return binary.AppendUvarint(nil, n) }
