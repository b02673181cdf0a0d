package redis

import (
	"strconv"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
)

// Names of keys and channels. What stands in braces is the hash tag: it alone decides in which slot of a Redis Cluster a key lies,
// so that what one script touches lies together, and users and conversations are spread.
const (
	keyLive   = ":{nodes}:live" // sorted set: nodes by the end of their leases, by the server's clock
	keyInfo   = ":{nodes}:info" // hash: what nodes say of themselves
	keyWatch  = ":watch:{"      // per node and master: there while nothing was lost
	keyUser   = ":route:{u:"    // set: nodes on which a user is
	keyGroup  = ":route:{c:"    // set: nodes on which a large conversation has subscribers
	keyBus    = ":bus:{"        // channel: deliveries to a node
	keyLine   = ":timeline:{u:" // hash: a user's timeline
	keySeats  = ":devices:{u:"  // hash: the newest session of each of a user's devices
	keyThere  = ":presence:{u:" // hash: what nodes say of a user, and which watch
	keyCounts = ":presence:{c:" // hash: how many sessions nodes have in a large conversation
	keyHot    = ":hot:{c:"      // hash: newest entries of a conversation
	keyBucket = ":limit:{"      // string: when a bucket of a limit is full again
)

func numbered(prefix, kind string, id uint64) string {
	b := make([]byte, 0, len(prefix)+len(kind)+21)
	b = append(append(b, prefix...), kind...)
	return string(append(strconv.AppendUint(b, id, 10), '}'))
}

func (c *Client) userKey(u chat.UserID) string { return numbered(c.cfg.Prefix, keyUser, uint64(u)) }

func (c *Client) devicesKey(u chat.UserID) string { return numbered(c.cfg.Prefix, keySeats, uint64(u)) }

func (c *Client) presenceKey(u chat.UserID) string {
	return numbered(c.cfg.Prefix, keyThere, uint64(u))
}

func (c *Client) countsKey(id chat.ConversationID) string {
	return numbered(c.cfg.Prefix, keyCounts, uint64(id))
}

func (c *Client) lineKey(u chat.UserID) string { return numbered(c.cfg.Prefix, keyLine, uint64(u)) }

func (c *Client) hotKey(id chat.ConversationID) string {
	return numbered(c.cfg.Prefix, keyHot, uint64(id))
}

func (c *Client) groupKey(id chat.ConversationID) string {
	return numbered(c.cfg.Prefix, keyGroup, uint64(id))
}

func (c *Client) busChannel(n cluster.Node) string { return c.cfg.Prefix + keyBus + string(n) + "}" }
