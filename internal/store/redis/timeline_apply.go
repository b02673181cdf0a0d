package redis

import (
	"context"
	"fmt"

	"github.com/redis/rueidis"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/failpoint"
	"github.com/throng-im/throng/internal/store/record"
	"github.com/throng-im/throng/internal/timeline"
)

const (
	// seeding is how many users' rows are read from the shelf at once, enrolling how many changes are written there.
	seeding   = 128
	enrolling = 1_024
)

// streamLine is the view that a stream's follower has: its position is its own, the timelines are everybody's.
type streamLine struct {
	*Timelines

	// immutable after construction
	stream int

	// owned by the follower
	stored chat.Position // known to be on the shelf; 0 where nothing is known
}

// Stream returns the timelines as the follower of a stream has them. Position and Apply are for one follower at a time, as far as leases
// can tell: two at a time do the same thing twice, which changes nothing but a few pts.
func (t *Timelines) Stream(n int) timeline.Store { return &streamLine{Timelines: t, stream: n} }

// Position implements timeline.Store.
func (s *streamLine) Position(ctx context.Context) (chat.Position, error) {
	pos, err := s.shelf.Position(ctx, s.name, s.stream)
	if err == nil {
		s.stored = pos
	}
	return pos, err //nolint:wrapcheck // a port answers in our own errors
}

// Apply implements timeline.Store. What must not be lost is written first, the timelines then, and the position last: after a crash in
// between the changes come again. Changes to a timeline that is not there are dropped, but for those that give a new member
// a place: when it is made, it is made of the shelf, under a generation for which there is no cursor.
func (s *streamLine) Apply(ctx context.Context, changes []timeline.Change, pos chat.Position) ([]timeline.PTS, error) {
	failpoint.Hit(failpoint.RowsBefore)
	given, err := s.apply(ctx, changes)
	if err != nil {
		return nil, err
	}
	if pos != s.stored || pos == 0 {
		if err := s.shelf.PutPosition(ctx, s.name, s.stream, pos); err != nil {
			return nil, err //nolint:wrapcheck // a port answers in our own errors
		}
		s.stored = pos
	}
	failpoint.Hit(failpoint.RowsAfter)
	return given, nil
}

func (t *Timelines) apply(ctx context.Context, changes []timeline.Change) ([]timeline.PTS, error) {
	if len(changes) == 0 {
		return nil, nil
	}
	// Who has no timeline yet gets one as it was before the changes, so that these have places of their own. The shelf hears of them
	// whether that works or not: conversations are shown by what it has, also without Redis.
	failed := t.prepare(ctx, changes)
	if err := t.enroll(ctx, changes); err != nil {
		return nil, err
	}
	if failed != nil {
		return nil, failed
	}
	calls, of := t.calls(changes)
	answers, err := t.client.run(ctx, opApply, calls...)
	if err != nil {
		return nil, unavailable(err, "writing timelines")
	}
	given := make([]timeline.PTS, len(changes))
	spared, dropped := 0, 0
	for i := range answers {
		numbers, err := answers[i].AsIntSlice()
		if rueidis.IsRedisNil(err) {
			dropped += len(of[i])
			continue
		}
		if err == nil && len(numbers) != len(of[i]) {
			err = fmt.Errorf("%d answers to %d changes", len(numbers), len(of[i]))
		}
		if err != nil {
			return nil, unavailable(err, "writing timelines")
		}
		for j, at := range of[i] {
			if numbers[j] < 0 {
				spared++
				continue
			}
			given[at] = timeline.PTS(numbers[j])
		}
	}
	t.client.metrics.spared.Add(float64(spared))
	t.client.metrics.absent.Add(float64(dropped))
	return given, nil
}

// calls makes one call of each user's changes, and says which changes they are.
func (t *Timelines) calls(changes []timeline.Change) (calls []scriptCall, of [][]int) {
	at := make(map[chat.UserID]int, len(changes))
	for i := range changes {
		c := &changes[i]
		k, ok := at[c.User]
		if !ok {
			k = len(calls)
			at[c.User] = k
			calls = append(calls, scriptCall{script: t.client.scripts.applyLine, keys: []string{t.client.lineKey(c.User)}})
			of = append(of, nil)
		}
		what := "0"
		switch c.Membership {
		case timeline.None:
		case timeline.Entered:
			what = "1"
		case timeline.Ended:
			what = "2"
		}
		calls[k].args = append(calls[k].args, number(uint64(c.Conversation)), what, number(uint64(c.Seq)), digit(c.Quiet), digit(c.Spare))
		of[k] = append(of[k], i)
	}
	return calls, of
}

// enroll writes the membership changes to the shelf.
func (t *Timelines) enroll(ctx context.Context, changes []timeline.Change) error {
	part := make([]timeline.Change, 0, min(len(changes), enrolling))
	for i, c := range changes {
		if c.Membership != timeline.None {
			part = append(part, c)
		}
		if len(part) == enrolling || (i == len(changes)-1 && len(part) > 0) {
			if err := t.shelf.Enroll(ctx, part); err != nil {
				return err //nolint:wrapcheck // a port answers in our own errors
			}
			part = part[:0]
		}
	}
	return nil
}

// prepare makes the timelines that are not there of those whose memberships change and are told so.
func (t *Timelines) prepare(ctx context.Context, changes []timeline.Change) error {
	known := make(map[chat.UserID]struct{})
	var users []chat.UserID
	for i := range changes {
		c := &changes[i]
		if _, ok := known[c.User]; !ok && c.Membership != timeline.None && !c.Quiet {
			known[c.User] = struct{}{}
			users = append(users, c.User)
		}
	}
	for len(users) > 0 {
		part := users[:min(len(users), pipelined)]
		users = users[len(part):]
		answers, err := t.client.do(ctx, opApply, func(b rueidis.Builder) rueidis.Commands {
			commands := make(rueidis.Commands, len(part))
			for i, u := range part {
				commands[i] = b.Exists().Key(t.client.lineKey(u)).Build()
			}
			return commands
		})
		if err != nil {
			return unavailable(err, "writing timelines")
		}
		var missing []chat.UserID
		for i := range answers {
			n, err := answers[i].AsInt64()
			if err != nil {
				return unavailable(err, "writing timelines")
			}
			if n == 0 {
				missing = append(missing, part[i])
			}
		}
		if err := t.seed(ctx, missing...); err != nil {
			return err
		}
	}
	return nil
}

// seed makes the timelines of users of what the shelf has, where they are not there. Each is under a new generation: the places in it
// say nothing of those in the one before.
func (t *Timelines) seed(ctx context.Context, users ...chat.UserID) error {
	for len(users) > 0 {
		part := users[:min(len(users), seeding)]
		users = users[len(part):]
		kept, err := t.shelf.Rows(ctx, part)
		if err != nil {
			return err //nolint:wrapcheck // a port answers in our own errors
		}
		calls := make([]scriptCall, len(part))
		for i, u := range part {
			generation, err := record.Draw()
			if err != nil {
				return err
			}
			calls[i] = scriptCall{
				script: t.client.scripts.seedLine, keys: []string{t.client.lineKey(u)}, args: seedArgs(kept[i], generation, millis(t.client.cfg.TimelineIdle)),
			}
		}
		answers, err := t.client.run(ctx, opSeed, calls...)
		if err != nil {
			return unavailable(err, "making timelines")
		}
		for i := range answers {
			made, err := answers[i].AsInt64()
			if err != nil {
				return unavailable(err, "making timelines")
			}
			t.client.metrics.seeded.Add(float64(made))
		}
	}
	return nil
}

func seedArgs(kept []timeline.Kept, generation uint64, stays string) []string {
	l := newLine(kept)
	args := make([]string, 0, 4+2*len(l.entries))
	args = append(args, number(generation), number(uint64(l.end.Last)), number(l.end.Current), stays)
	for id, r := range l.entries {
		args = append(args, number(uint64(id)), r.text())
	}
	return args
}
