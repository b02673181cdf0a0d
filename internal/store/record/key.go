package record

import (
	"encoding/binary"
	"math"

	"github.com/throng-im/throng/internal/chat"
)

// The tables, by the first byte of the key. All numbers are big-endian and fixed in width, so that keys sort as they count. What
// is read together stands together: entries of a conversation behind one another, rows of a user behind one another. Letters are
// never given to another table: a folder of any age may hold rows under them.
//
//	e conversation seq                  entry
//	k conversation sender clientID      repeat: seq, ordinal, time, content hash
//	h conversation                      head
//	i conversation                      what stands about it: name, owner, pair, …
//	m conversation user                 member: role, spans, mute, read position
//	a conversation user                 member who is its owner or an admin; the value is empty, or says that the user is banned
//	p low high                          direct conversation of a pair
//	g actor clientID                    group that was made under a client id
//	c user conversation                 timeline row: member or not, pts, seq of the last membership change
//	s user conversation                 the user's own settings
//	l user                              last pts, number of conversations
//	u user                              account
//	n handle                            account by handle
//	x 1 externalID                      account by external id; x 0 hash: when one of that id was deleted
//	d user device                       device
//	v code                              invitation
//	f user other                        what a user and another one are to each other, as the user's
//	b user version                      whose row came to that version of the user's list
//	j user                              what stands once about a user's relations
//	y user other                        relation that is not mirrored yet; the value is empty
//	w conversation link                 link by which people join
//	o origin kind id                    where an import put something of another install
//	q shard position                    events of one applied batch
//	z name                              counters, format version, epoch, generation, follower positions
const (
	TableEntry        = 'e'
	TableRepeat       = 'k'
	TableHead         = 'h'
	TableConversation = 'i'
	TableMember       = 'm'
	TableLead         = 'a'
	TablePair         = 'p'
	TableClaim        = 'g'
	TableRow          = 'c'
	TableSettings     = 's'
	TableLast         = 'l'
	TableUser         = 'u'
	TableHandle       = 'n'
	TableExternal     = 'x'
	TableDevice       = 'd'
	TableInvitation   = 'v'
	TableRelation     = 'f'
	TableRelated      = 'b'
	TableOwner        = 'j'
	TableDue          = 'y'
	TableLink         = 'w'
	TableImported     = 'o'
	TableEvent        = 'q'
	TableMeta         = 'z'
)

// SingleShard is the shard of all events: one process has one writer.
const SingleShard = 0

// The lengths of keys. A row whose key has another one was not written by us.
const (
	Key1Len   = 1 + 8
	Key2Len   = 1 + 8 + 8
	ClaimLen  = Key1Len + 16
	RepeatLen = Key2Len + 16
	EventLen  = 1 + 1 + 8
)

// Key1 is the key of a table by one number.
func Key1(table byte, a uint64) []byte { return AppendKey1(make([]byte, 0, Key1Len), table, a) }

// Key2 is the key of a table by two numbers.
func Key2(table byte, a, b uint64) []byte { return AppendKey2(make([]byte, 0, Key2Len), table, a, b) }

// AppendKey1 appends what Key1 returns: writers of many rows reuse one buffer.
func AppendKey1(k []byte, table byte, a uint64) []byte {
	return binary.BigEndian.AppendUint64(append(k, table), a)
}

// AppendKey2 appends what Key2 returns.
func AppendKey2(k []byte, table byte, a, b uint64) []byte {
	return binary.BigEndian.AppendUint64(AppendKey1(k, table, a), b)
}

// First is the first number of a key, Second the second one. The key has them: its length was looked at, or it was sought by them.
func First(key []byte) uint64 { return binary.BigEndian.Uint64(key[1:]) }

// Second is the second number of a key.
func Second(key []byte) uint64 { return binary.BigEndian.Uint64(key[Key1Len:]) }

// KeyAfter is the end of the rows of a table that begin with a number: the first key behind them.
func KeyAfter(table byte, id uint64) []byte {
	if id == math.MaxUint64 {
		return []byte{table + 1}
	}
	return Key1(table, id+1)
}

// KeyEntry is the key of an entry. It ends with the seq, so that a range of a log is a range of keys.
func KeyEntry(id chat.ConversationID, seq chat.Seq) []byte {
	return Key2(TableEntry, uint64(id), uint64(seq))
}

// RepeatKey is what makes a send one and the same: SEND-9 holds per sender, so that nobody can take another one's client id.
type RepeatKey struct {
	Conversation chat.ConversationID
	Sender       chat.UserID
	Client       chat.ClientID
}

// AppendRepeatKey appends the key of a repeat row.
func AppendRepeatKey(k []byte, r RepeatKey) []byte {
	return append(AppendKey2(k, TableRepeat, uint64(r.Conversation), uint64(r.Sender)), r.Client[:]...)
}

// KeyClaim is the key of the group that a user made under a client id.
func KeyClaim(actor chat.UserID, client chat.ClientID) []byte {
	return append(Key1(TableClaim, uint64(actor)), client[:]...)
}

// AppendEventKey appends the key of the events of one applied batch.
func AppendEventKey(k []byte, p chat.Position) []byte {
	return binary.BigEndian.AppendUint64(append(k, TableEvent, SingleShard), uint64(p))
}

// KeyEvent is the key of the events of one applied batch.
func KeyEvent(p chat.Position) []byte { return AppendEventKey(make([]byte, 0, EventLen), p) }

// EventPosition is the position in a key of events.
func EventPosition(key []byte) chat.Position {
	return chat.Position(binary.BigEndian.Uint64(key[EventLen-8:]))
}

// The kinds of rows that say where an import put what. They stand for ever, so that an import can be repeated at any time.
const (
	ImportedUser         = 'u'
	ImportedConversation = 'c' // made by the import
	ImportedShared       = 's' // was there before
)

// KeyImported is the key under which an import notes where it put something. The origin's length stands in front of it, so that
// no origin is the beginning of another one's key.
func KeyImported(origin string, kind byte, id uint64) []byte {
	k := append(make([]byte, 0, 12+len(origin)), TableImported)
	k = appendString(k, origin)
	return binary.BigEndian.AppendUint64(append(k, kind), id)
}
