package redis

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/rueidis"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/presence"
)

// wordText notes what a node says of users, and raises the version of each, which is the server's time so that it goes on rising where the
// key was lost; or that a node watches them. It answers with everything that stands there of each.
//
// KEYS presence of users. ARGV field of the node, expiry in ms, 1 where it is a word about the users; then for each a value or empty for none.
const wordText = `
local field, expiry, now = ARGV[1], ARGV[2], nil
if ARGV[3] == '1' then
  local t = redis.call('TIME')
  now = t[1] * 1000000 + t[2]
end
local out = {}
for i, key in ipairs(KEYS) do
  local value = ARGV[3 + i]
  if value == '' then redis.call('HDEL', key, field) end
  if now then
    local version = string.format('%.0f', math.max(now, tonumber(redis.call('HGET', key, 'v') or '0') + 1))
    if value == '' then redis.call('HSET', key, 'v', version) else redis.call('HSET', key, field, value, 'v', version) end
  elseif value ~= '' then
    redis.call('HSET', key, field, value)
  end
  redis.call('PEXPIRE', key, expiry)
  out[i] = redis.call('HGETALL', key)
end
return out`

// What stands in a user's presence: under these and a node's name what it says of the user, and that it watches; and the version.
const (
	fieldState   = "n:"
	fieldWatch   = "w:"
	fieldVersion = "v"
)

// Presence is who is there, as one node sees it: in Redis one hash for each user who is, or is watched, and one for each large
// conversation's counts. They expire when nobody says them any more, and what a node without a lease said counts for nothing.
type Presence struct {
	// immutable after construction
	client *Client
	routes *Routes
	node   string
}

var _ presence.Store = (*Presence)(nil)

// NewPresence makes the presence of the node whose routes these are.
func (c *Client) NewPresence(routes *Routes) *Presence {
	return &Presence{client: c, routes: routes, node: string(routes.node)}
}

// presenceStays is how long something stays that nobody says again: more than the longest time between two reports of presence.
const presenceStays = 2 * presence.MostReport

// Note implements [presence.Store].
func (p *Presence) Note(ctx context.Context, words []presence.Word) ([]presence.Noted, error) {
	users, values := make([]chat.UserID, len(words)), make([]string, len(words))
	for i, w := range words {
		users[i] = w.User
		if w.State != presence.Offline {
			values[i] = strconv.Itoa(int(w.State))
		}
	}
	return p.say(ctx, users, fieldState, "1", func(i int) string { return values[i] })
}

// Watch implements [presence.Store].
func (p *Presence) Watch(ctx context.Context, users []chat.UserID) ([]presence.Status, error) {
	noted, err := p.say(ctx, users, fieldWatch, "", func(int) string { return "1" })
	if err != nil {
		return nil, err
	}
	out := make([]presence.Status, len(noted))
	for i := range noted {
		out[i] = noted[i].Status
	}
	return out, nil
}

// Unwatch implements [presence.Store].
func (p *Presence) Unwatch(ctx context.Context, users []chat.UserID) error {
	_, err := p.client.do(ctx, opPresence, func(b rueidis.Builder) rueidis.Commands {
		commands := make(rueidis.Commands, len(users))
		for i, u := range users {
			commands[i] = b.Hdel().Key(p.client.presenceKey(u)).Field(fieldWatch + p.node).Build()
		}
		return commands
	})
	return unavailable(err, "ending what is watched")
}

// Read implements [presence.Store].
func (p *Presence) Read(ctx context.Context, users []chat.UserID) ([]presence.Status, error) {
	out := make([]presence.Status, 0, len(users))
	for some := range slices.Chunk(users, pipelined) {
		answers, err := p.client.do(ctx, opPresence, func(b rueidis.Builder) rueidis.Commands {
			commands := make(rueidis.Commands, len(some))
			for i, u := range some {
				commands[i] = b.Hgetall().Key(p.client.presenceKey(u)).Build()
			}
			return commands
		})
		if err != nil {
			return nil, unavailable(err, "reading who is there")
		}
		for i := range answers {
			all, err := answers[i].AsStrMap()
			if err != nil {
				return nil, unavailable(err, "reading who is there")
			}
			n, err := p.noted(ctx, some[i], all)
			if err != nil {
				return nil, err
			}
			out = append(out, n.Status)
		}
	}
	return out, nil
}

// say writes this node's field of users, and reads what stands there then.
func (p *Presence) say(ctx context.Context, users []chat.UserID, field, word string, value func(i int) string) ([]presence.Noted, error) {
	most := p.client.together()
	calls := make([]scriptCall, 0, (len(users)+most-1)/most)
	for i, u := range users {
		if i%most == 0 {
			calls = append(calls, scriptCall{script: p.client.scripts.word, args: []string{field + p.node, millis(presenceStays), word}})
		}
		call := &calls[len(calls)-1]
		call.keys, call.args = append(call.keys, p.client.presenceKey(u)), append(call.args, value(i))
	}
	answers, err := p.client.run(ctx, opPresence, calls...)
	if err != nil {
		return nil, unavailable(err, "saying who is there")
	}
	out := make([]presence.Noted, 0, len(users))
	for i := range answers {
		list, err := answers[i].ToArray()
		if err != nil {
			return nil, unavailable(err, "saying who is there")
		}
		for j := range list {
			all, err := list[j].AsStrMap()
			if err != nil {
				return nil, unavailable(err, "saying who is there")
			}
			n, err := p.noted(ctx, users[len(out)], all)
			if err != nil {
				return nil, err
			}
			out = append(out, n)
		}
	}
	return out, nil
}

// noted makes of what stands there how the user is, and who watches.
func (p *Presence) noted(ctx context.Context, user chat.UserID, all map[string]string) (presence.Noted, error) {
	n := presence.Noted{Status: presence.Status{User: user}}
	n.Version, _ = strconv.ParseUint(all[fieldVersion], 10, 64) // what is no number is 0, older than anything
	for field, value := range all {
		node, watches := strings.CutPrefix(field, fieldWatch)
		if !watches {
			var says bool
			if node, says = strings.CutPrefix(field, fieldState); !says {
				continue
			}
		}
		lives, err := p.routes.lives(ctx, cluster.Node(node))
		if err != nil {
			return n, err
		}
		switch {
		case !lives:
		case watches:
			n.Watchers = append(n.Watchers, node)
		default:
			state, _ := strconv.ParseUint(value, 10, 8)
			n.State = max(n.State, min(presence.State(state), presence.Busy))
		}
	}
	slices.Sort(n.Watchers)
	return n, nil
}

// Report implements [presence.Store].
func (p *Presence) Report(ctx context.Context, counts []presence.Count) error {
	_, err := p.client.do(ctx, opPresence, func(b rueidis.Builder) rueidis.Commands {
		commands := make(rueidis.Commands, 0, 2*len(counts))
		for _, c := range counts {
			key := p.client.countsKey(c.Conversation)
			if c.Online == 0 {
				commands = append(commands, b.Hdel().Key(key).Field(p.node).Build())
				continue
			}
			commands = append(commands,
				b.Hset().Key(key).FieldValue().FieldValue(p.node, strconv.FormatUint(uint64(c.Online), 10)).Build(),
				b.Pexpire().Key(key).Milliseconds(presenceStays.Milliseconds()).Build())
		}
		return commands
	})
	return unavailable(err, "reporting how many are there")
}

// Counts implements [presence.Store].
func (p *Presence) Counts(ctx context.Context, ids []chat.ConversationID) ([]uint64, error) {
	answers, err := p.client.do(ctx, opPresence, func(b rueidis.Builder) rueidis.Commands {
		commands := make(rueidis.Commands, len(ids))
		for i, id := range ids {
			commands[i] = b.Hgetall().Key(p.client.countsKey(id)).Build()
		}
		return commands
	})
	if err != nil {
		return nil, unavailable(err, "reading how many are there")
	}
	out := make([]uint64, len(ids))
	for i := range answers {
		all, err := answers[i].AsStrMap()
		if err != nil {
			return nil, unavailable(err, "reading how many are there")
		}
		for node, value := range all {
			if lives, err := p.routes.lives(ctx, cluster.Node(node)); err != nil || !lives {
				continue
			}
			count, _ := strconv.ParseUint(value, 10, 32)
			out[i] += count
		}
	}
	return out, nil
}

// Nodes implements [presence.Store].
func (p *Presence) Nodes() []string {
	names := map[string]struct{}{p.node: {}}
	for n := range p.routes.life.Load().nodes {
		names[string(n)] = struct{}{}
	}
	return slices.Sorted(maps.Keys(names))
}
