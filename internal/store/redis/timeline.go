package redis

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"github.com/throng-im/throng/internal/breaker"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/record"
	"github.com/throng-im/throng/internal/timeline"
)

// Timelines keep the order of changes of users' conversations in Redis, and what must not be lost on a shelf. What is on the shelf is
// written first; a timeline that is not there is made of it, under a new generation, when somebody asks.
//
//	membership changes, settings → shelf → Redis
//	a sync → Redis, with the mark → shelf: what Redis is behind of is mended, and read again
//	a heartbeat → Redis, one look at the end
//
// The generation that is given out is made of the timeline's own and of the replication id: a server that is behind, or was restored
// from an older file, has another id. Its rows may be behind too, and are mended by the first sync; the cursors are of no use, so that
// sync shows everything.
type Timelines struct {
	// immutable after construction
	client *Client
	shelf  Shelf
	name   string

	// guarded by mu
	mu     sync.Mutex
	second time.Time // in which ends were made up
	made   int       // so many
}

// NewTimelines makes the timelines. What followers come to is stored on the shelf under a name of their own.
func (c *Client) NewTimelines(shelf Shelf, name string) *Timelines {
	return &Timelines{client: c, shelf: shelf, name: name}
}

// attempts is how often a read begins anew: where a timeline was not there, or had to be mended.
const attempts = 4

// bareEnds is how many ends a node makes up in a second while Redis does not answer. Each leads to a sync that shows everything.
const bareEnds = 50

// errMoving says that a timeline was lost as often as it was made.
var errMoving = errors.New("the timeline does not stay")

// Rows implements timeline.Store. Where Redis does not answer, it shows what is on the shelf, under a generation that is not met again:
// each sync shows everything then.
func (t *Timelines) Rows(ctx context.Context, user chat.UserID) (timeline.Rows, error) {
	for n := range attempts {
		l, err := t.read(ctx, user)
		if err != nil {
			return t.withoutRedis(ctx, user, err)
		}
		if l == nil {
			if err := t.seed(ctx, user); err != nil {
				return timeline.Rows{}, err
			}
			continue
		}
		kept, err := t.kept(ctx, user)
		if err != nil {
			return timeline.Rows{}, err
		}
		if behind := l.behind(kept); len(behind) > 0 && n < attempts-1 {
			if err := t.mend(ctx, user, behind, false); err != nil {
				return t.withoutRedis(ctx, user, err)
			}
			continue
		}
		return l.rows(kept), nil
	}
	return t.withoutRedis(ctx, user, unavailable(errMoving, "reading a timeline"))
}

// read returns the timeline as it is in Redis; nil where it is not there.
func (t *Timelines) read(ctx context.Context, user chat.UserID) (*line, error) {
	answers, err := t.client.run(ctx, opRows, scriptCall{
		script: t.client.scripts.readLine, keys: []string{t.client.lineKey(user)}, args: []string{millis(t.client.cfg.TimelineIdle)},
	})
	if err != nil {
		return nil, unavailable(err, "reading a timeline")
	}
	parts, err := answers[0].ToArray()
	if rueidis.IsRedisNil(err) {
		return nil, nil //nolint:nilnil // see above
	}
	if err != nil || len(parts) != 2 {
		return nil, unavailable(fmt.Errorf("an answer of %d parts: %w", len(parts), err), "reading a timeline")
	}
	id, err := parts[0].ToString()
	if err != nil {
		return nil, unavailable(err, "reading a timeline")
	}
	fields, err := parts[1].AsStrSlice()
	if err != nil {
		return nil, unavailable(err, "reading a timeline")
	}
	return parseLine(id, fields)
}

// withoutRedis makes the rows from the shelf alone.
func (t *Timelines) withoutRedis(ctx context.Context, user chat.UserID, why error) (timeline.Rows, error) {
	if e := chat.AsError(why); e.Code != chat.CodeUnavailable {
		return timeline.Rows{}, e
	}
	kept, err := t.kept(ctx, user)
	if err != nil {
		return timeline.Rows{}, err
	}
	generation, err := record.Draw()
	if err != nil {
		return timeline.Rows{}, err
	}
	t.client.metrics.bare.Inc()
	l := newLine(kept)
	rows := l.rows(kept)
	rows.Generation = generation
	return rows, nil
}

func (t *Timelines) kept(ctx context.Context, user chat.UserID) ([]timeline.Kept, error) {
	all, err := t.shelf.Rows(ctx, []chat.UserID{user})
	if err != nil {
		return nil, err //nolint:wrapcheck // a port answers in our own errors
	}
	return all[0], nil
}

// Memberships implements timeline.Store: memberships are on the shelf before they are in Redis.
func (t *Timelines) Memberships(ctx context.Context, user chat.UserID) ([]chat.ConversationID, error) {
	kept, err := t.kept(ctx, user)
	if err != nil {
		return nil, err
	}
	out := make([]chat.ConversationID, 0, len(kept))
	for _, k := range kept {
		if k.Current {
			out = append(out, k.Conversation)
		}
	}
	return out, nil
}

// End implements timeline.Store. While Redis does not answer, it makes up some, under a generation that is not met again: so devices find
// what is new by their heartbeats all the same, though not all of them at once.
func (t *Timelines) End(ctx context.Context, user chat.UserID) (timeline.End, error) {
	for range attempts {
		answers, err := t.client.run(ctx, opEnd, scriptCall{script: t.client.scripts.endLine, keys: []string{t.client.lineKey(user)}})
		if errors.Is(err, breaker.ErrOpen) && t.mayMakeUp(time.Now()) {
			generation, err := record.Draw()
			return timeline.End{Generation: generation}, err
		}
		if err != nil {
			return timeline.End{}, unavailable(err, "reading the end of a timeline")
		}
		texts, err := answers[0].AsStrSlice()
		switch {
		case rueidis.IsRedisNil(err):
			if err := t.seed(ctx, user); err != nil {
				return timeline.End{}, err
			}
		case err != nil || len(texts) != 4:
			return timeline.End{}, unavailable(fmt.Errorf("an answer of %d parts: %w", len(texts), err), "reading the end of a timeline")
		default:
			return parseEnd(texts[0], texts[1], texts[2], texts[3])
		}
	}
	return timeline.End{}, unavailable(errMoving, "reading the end of a timeline")
}

// mayMakeUp reports whether one more end may be made up.
func (t *Timelines) mayMakeUp(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.second) >= time.Second {
		t.second, t.made = now, 0
	}
	t.made++
	return t.made <= bareEnds
}

// Row implements timeline.Store. The row is the shelf's; where Redis does not answer it comes without a pts, which only syncs need.
func (t *Timelines) Row(ctx context.Context, user chat.UserID, id chat.ConversationID) (timeline.Row, bool, error) {
	kept, err := t.shelf.Row(ctx, user, id)
	if err != nil {
		return timeline.Row{}, false, err //nolint:wrapcheck // a port answers in our own errors
	}
	row, ok := kept.Row()
	if !ok {
		return row, false, nil
	}
	answers, err := t.client.do(ctx, opRows, func(b rueidis.Builder) rueidis.Commands {
		return rueidis.Commands{b.Hget().Key(t.client.lineKey(user)).Field(number(uint64(id))).Build()}
	})
	if err != nil {
		if e := chat.AsError(unavailable(err, "reading a timeline")); e.Code != chat.CodeUnavailable {
			return timeline.Row{}, false, e
		}
		return row, true, nil
	}
	if text, err := answers[0].ToString(); err == nil {
		var l lineRow
		if err := l.parse(text); err != nil {
			return timeline.Row{}, false, err
		}
		row.PTS = l.pts
	}
	return row, true, nil
}

// Drafts implements timeline.Store.
func (t *Timelines) Drafts(ctx context.Context, user chat.UserID, ids []chat.ConversationID) ([]string, error) {
	return t.shelf.Drafts(ctx, user, ids) //nolint:wrapcheck // a port answers in our own errors
}

// PutSettings implements timeline.Store. Where Redis does not take it, the settings stand, which is said to be in doubt: other devices
// hear of them when the caller repeats the call, or with the next sync of any of them.
func (t *Timelines) PutSettings(
	ctx context.Context, user chat.UserID, id chat.ConversationID, p timeline.Patch,
) (timeline.Settings, error) {
	kept, err := t.shelf.PutSettings(ctx, user, id, p)
	if err != nil {
		return timeline.Settings{}, err //nolint:wrapcheck // a port answers in our own errors
	}
	if err := t.mend(ctx, user, []timeline.Kept{kept}, true); err != nil {
		return timeline.Settings{}, inDoubt(err, "changing settings")
	}
	return kept.Settings, nil
}

// mend brings rows of a timeline to what the shelf has of them. One that is not there needs none: it is made of what the shelf has.
func (t *Timelines) mend(ctx context.Context, user chat.UserID, rows []timeline.Kept, change bool) error {
	args := make([]string, 0, 5*len(rows))
	for _, k := range rows {
		args = append(args, number(uint64(k.Conversation)), digit(k.Current), number(uint64(k.Seq)), number(k.Version), digit(change))
	}
	answers, err := t.client.run(ctx, opMend, scriptCall{
		script: t.client.scripts.mendLine, keys: []string{t.client.lineKey(user)}, args: args,
	})
	if err != nil {
		return unavailable(err, "changing a timeline")
	}
	n, err := answers[0].AsInt64()
	if err != nil && !rueidis.IsRedisNil(err) {
		return unavailable(err, "changing a timeline")
	}
	if !change {
		t.client.metrics.mended.Add(float64(n))
	}
	return nil
}

// Counts returns in how many conversations users are. It is about now; who has no timeline is counted on the shelf.
func (t *Timelines) Counts(ctx context.Context, users []chat.UserID) ([]int, error) {
	out := make([]int, len(users))
	var missing []int
	for from := 0; from < len(users); from += pipelined {
		part := users[from:min(from+pipelined, len(users))]
		answers, err := t.client.do(ctx, opEnd, func(b rueidis.Builder) rueidis.Commands {
			commands := make(rueidis.Commands, len(part))
			for i, u := range part {
				commands[i] = b.Hget().Key(t.client.lineKey(u)).Field("m").Build()
			}
			return commands
		})
		if err != nil {
			if e := chat.AsError(unavailable(err, "counting conversations")); e.Code != chat.CodeUnavailable {
				return nil, e
			}
		}
		for i := range part {
			n := int64(-1)
			if i < len(answers) {
				if got, err := answers[i].AsInt64(); err == nil {
					n = got
				}
			}
			if n < 0 {
				missing = append(missing, from+i)
			} else {
				out[from+i] = int(n)
			}
		}
	}
	if len(missing) == 0 {
		return out, nil
	}
	ask := make([]chat.UserID, len(missing))
	for i, at := range missing {
		ask[i] = users[at]
	}
	counts, err := t.shelf.Counts(ctx, ask)
	if err != nil {
		return nil, err //nolint:wrapcheck // a port answers in our own errors
	}
	for i, at := range missing {
		out[at] = counts[i]
	}
	return out, nil
}
