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
//	m conversation user                 member: role, spans, mute
//	r conversation user                 read position
//	p low high                          direct conversation of a pair
//	t user pts                          timeline: conversation
//	c user conversation                 timeline row: pts, tier, current, settings
//	l user                              last pts
//	u user                              account
//	n handle                            account by handle
//	x externalID                        account by external id
//	d user device                       device
//	v code                              invitation
//	q shard position                    events of one applied batch
//	z name                              counters, format version, epoch, generation, follower positions
const (
	tableEntry        = 'e'
	tableRepeat       = 'k'
	tableHead         = 'h'
	tableConversation = 'i'
	tableMember       = 'm'
	tableRead         = 'r'
	tablePair         = 'p'
	tableTimeline     = 't'
	tableRow          = 'c'
	tableLast         = 'l'
	tableUser         = 'u'
	tableHandle       = 'n'
	tableExternal     = 'x'
	tableDevice       = 'd'
	tableInvitation   = 'v'
	tableEvent        = 'q'
	tableMeta         = 'z'
)

func key1(table byte, a uint64) []byte {
	k := make([]byte, 9)
	k[0] = table
	binary.BigEndian.PutUint64(k[1:], a)
	return k
}

func key2(table byte, a, b uint64) []byte {
	k := make([]byte, 17)
	k[0] = table
	binary.BigEndian.PutUint64(k[1:], a)
	binary.BigEndian.PutUint64(k[9:], b)
	return k
}

func keyMeta(name string) []byte { return append([]byte{tableMeta}, name...) }

func keyEntry(id chat.ConversationID, seq chat.Seq) []byte {
	return key2(tableEntry, uint64(id), uint64(seq))
}
