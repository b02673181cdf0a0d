package pebble

import (
	"encoding/binary"

	"github.com/throng-im/throng/internal/chat"
)

// The tables, by the first byte of the key. All numbers are big-endian and fixed in width, so that keys sort as they count.
//
//	e conversation seq                  entry
//	k conversation sender clientID      repeat: seq, ordinal, time, content hash
//	h conversation                      head
//	i conversation                      what stands about it: name, owner, pair, …
//	m conversation user                 member: role, spans, mute, read position
//	a conversation user                 member who is its owner or an admin; the value is empty
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
//	o origin kind id                    where an import put something of another install
//	q shard position                    events of one applied batch
//	z name                              counters, format version, epoch, generation, follower positions
const (
	tableEntry        = 'e'
	tableRepeat       = 'k'
	tableHead         = 'h'
	tableConversation = 'i'
	tableMember       = 'm'
	tableLead         = 'a'
	tablePair         = 'p'
	tableClaim        = 'g'
	tableRow          = 'c'
	tableSettings     = 's'
	tableLast         = 'l'
	tableUser         = 'u'
	tableHandle       = 'n'
	tableExternal     = 'x'
	tableDevice       = 'd'
	tableInvitation   = 'v'
	tableImported     = 'o'
	tableEvent        = 'q'
	tableMeta         = 'z'
)

// singleShard is the shard of all events: one process has one writer.
const singleShard = 0

func key1(table byte, a uint64) []byte { return appendKey1(make([]byte, 0, 9), table, a) }

func key2(table byte, a, b uint64) []byte { return appendKey2(make([]byte, 0, 17), table, a, b) }

func appendKey1(k []byte, table byte, a uint64) []byte {
	return binary.BigEndian.AppendUint64(append(k, table), a)
}

func appendKey2(k []byte, table byte, a, b uint64) []byte {
	return binary.BigEndian.AppendUint64(appendKey1(k, table, a), b)
}

func appendRepeatKey(k []byte, r repeatKey) []byte {
	return append(appendKey2(k, tableRepeat, uint64(r.conversation), uint64(r.sender)), r.client[:]...)
}

func appendEventKey(k []byte, p chat.Position) []byte {
	return binary.BigEndian.AppendUint64(append(k, tableEvent, singleShard), uint64(p))
}

func keyEvent(p chat.Position) []byte { return appendEventKey(make([]byte, 0, 10), p) }

func keyMeta(name string) []byte { return append([]byte{tableMeta}, name...) }

func keyEntry(id chat.ConversationID, seq chat.Seq) []byte {
	return key2(tableEntry, uint64(id), uint64(seq))
}
