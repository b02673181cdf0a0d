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

// wordText notes what a node says of a user, and raises the version, which is the server's time so that it goes on rising where the key was
// lost; or that a node watches. It answers with everything that stands there.
//
// KEYS presence of a user. ARGV field of the node, value or empty for none, expiry in ms, 1 where it is a word about the user.
const wordText = `
if ARGV[2] == '' then redis.call('HDEL', KEYS[1], ARGV[1]) else redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end
if ARGV[4] == '1' then
  local t = redis.call('TIME')
  local v = t[1] * 1000000 + t[2]
  local was = tonumber(redis.call('HGET', KEYS[1], 'v') or '0')
  if v <= was then v = was + 1 end
  redis.call('HSET', KEYS[1], 'v', string.format('%.0f', v))
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return redis.call('HGETALL', KEYS[1])`

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

// expiry is how long something stays that nobody says again: presence is said again within its own report, a minute at first.
func (p *Presence) expiry() string { return millis(presenceStays) }

// presenceStays is more than the longest time between two reports of presence.
const presenceStays = 2 * presence.MostReport

// Note implements [presence.Store].
func (p *Presence) Note(ctx context.Context, words []presence.Word) ([]presence.Noted, error) {
	calls := make([]scriptCall, len(words))
	for i, w := range words {
		value := ""
		if w.State != presence.Offline {
			value = strconv.Itoa(int(w.State))
		}
		calls[i] = p.word(w.User, fieldState, value, "1")
	}
	out := make([]presence.Noted, len(words))
	err := p.say(ctx, calls, func(i int, all map[string]string) (err error) {
		out[i], err = p.noted(ctx, words[i].User, all)
		return err
	})
	return out, err
}

// Watch implements [presence.Store].
func (p *Presence) Watch(ctx context.Context, users []chat.UserID) ([]presence.Status, error) {
	calls := make([]scriptCall, len(users))
	for i, u := range users {
		calls[i] = p.word(u, fieldWatch, "1", "")
	}
	out := make([]presence.Status, len(users))
	err := p.say(ctx, calls, func(i int, all map[string]string) error {
		n, err := p.noted(ctx, users[i], all)
		out[i] = n.Status
		return err
	})
	return out, err
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

func (p *Presence) word(u chat.UserID, field, value, version string) scriptCall {
	return scriptCall{
		script: p.client.scripts.word, keys: []string{p.client.presenceKey(u)}, args: []string{field + p.node, value, p.expiry(), version},
	}
}

// say runs words and hands over what stands there then.
func (p *Presence) say(ctx context.Context, calls []scriptCall, each func(i int, all map[string]string) error) error {
	answers, err := p.client.run(ctx, opPresence, calls...)
	if err != nil {
		return unavailable(err, "saying who is there")
	}
	for i := range answers {
		all, err := answers[i].AsStrMap()
		if err != nil {
			return unavailable(err, "saying who is there")
		}
		if err := each(i, all); err != nil {
			return err
		}
	}
	return nil
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
