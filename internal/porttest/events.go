package porttest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/queue"
)

// Events runs the rules EVT-1 to EVT-5 and LOG-9 against an adapter. Open returns a fresh, empty one; the test closes it.
func Events(t *testing.T, open func(t testing.TB) Engine) {
	t.Helper()
	runEngine(t, open, []engineCase{
		{"LOG-9 EVT-1 everything is handed over in order", eventsInOrder},
		{"LOG-9 an event says when members changed before it", eventsMemberWas},
		{"EVT-2 what was handed over stands after a crash", eventsDurable},
		{"EVT-3 a follower goes on where it was, after a crash", eventsResume},
		{"EVT-3 a follower of the tail gets what comes", eventsTail},
		{"EVT-3 a position beyond the end is refused", eventsBeyond},
		{"EVT-4 an error ends it and the batch comes again", eventsError},
		{"EVT-5 what was trimmed is gone and said to be", eventsTrim},
		{"a follower ends with its context and with the store", eventsEnd},
	})
}

var errEnough = errors.New("enough")

// patience bounds a wait for events that a broken adapter never hands over.
const patience = 10 * time.Second

// follow collects events behind a position until there are n, and returns the position behind them.
func (e Engine) follow(t testing.TB, from chat.Position, n int) ([]chat.Event, chat.Position) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var got []chat.Event
	at := from
	err := e.Events.Follow(ctx, from, func(_ context.Context, b queue.Batch) error {
		assert.True(t, "positions grow", b.Position > at && len(b.Events) > 0)
		got, at = append(got, b.Events...), b.Position
		if len(got) >= n {
			return errEnough
		}
		return nil
	})
	assert.ErrorIs(t, "follow", err, errEnough)
	assert.Equal(t, "events", len(got), n)
	return got, at
}

func eventsInOrder(t *testing.T, e Engine) {
	e.must(t, group(1, alice, bob))
	e.do(t, text(1, alice, 1), text(1, eve, 2), text(1, alice, 1), &chat.Draft{Conversation: 1, Sender: bob, Device: 5, Mark: 2})
	e.must(t, &chat.Draft{Conversation: 1, Sender: bob, Mark: 1}) // moves nothing
	e.must(t, text(1, bob, 3))
	entries := e.entries(t, 1)
	for _, engine := range []Engine{e, e.Crash(t)} { // from memory, and from the disk
		got, _ := engine.follow(t, 0, 4)
		assert.Equal(t, "created", *got[0].Entry, entries[0])
		assert.Equal(t, "head of it", got[0].Head.Members, uint32(2))
		assert.Equal(t, "text", *got[1].Entry, entries[1])
		assert.Equal(t, "head as of the text", [2]uint64{uint64(got[1].Head.Seq), uint64(got[1].Head.Ordinal)}, [2]uint64{2, 1})
		assert.True(t, "the sender's device", got[1].Device == 101 && got[1].Reader == alice && got[1].Read.Seq == 2)
		assert.True(t, "a read is no entry", got[2].Entry == nil)
		assert.Equal(t, "read", [3]uint64{uint64(got[2].Reader), uint64(got[2].Device), uint64(got[2].Read.Seq)}, [3]uint64{uint64(bob), 5, 2})
		assert.Equal(t, "conversation of the read", got[2].Head.Conversation, chat.ConversationID(1))
		assert.Equal(t, "answer", *got[3].Entry, entries[2])
	}
}

func eventsMemberWas(t *testing.T, e Engine) {
	change := func(action chat.MemberAction, users ...chat.UserID) *chat.Draft {
		return &chat.Draft{Conversation: 1, Sender: alice, Body: chat.MembersChanged{Action: action, Users: users, Role: chat.RoleMember}}
	}
	e.must(t, group(1, alice, bob), text(1, alice, 1), change(chat.MemberAdded, eve))
	e.must(t, change(chat.MemberRemoved, bob), text(1, eve, 2), &chat.Draft{Conversation: 1, Sender: alice, Mark: 5})
	for _, engine := range []Engine{e, e.Crash(t)} {
		got, _ := engine.follow(t, 0, 6)
		for i, want := range []chat.Seq{0, 1, 1, 3, 4, 0} { // the last one is a read
			assert.Equal(t, "the member change before", got[i].MemberWas, want)
		}
		assert.Equal(t, "a message's is the head's", got[4].Head.MemberSeq, got[4].MemberWas)
	}
}

func eventsDurable(t *testing.T, e Engine) {
	e.apply(t, group(1, alice, bob))
	for n := range 10 {
		e.apply(t, text(1, alice, n))
	}
	got, at := e.follow(t, 0, 11)
	after := e.Crash(t)
	assert.Equal(t, "head", after.head(t, 1).Seq, got[10].Entry.Seq)
	assert.Equal(t, "tail", after.Events.Tail(), at)
}

func eventsResume(t *testing.T, e Engine) {
	e.must(t, group(1, alice, bob))
	e.must(t, text(1, alice, 1))
	_, at := e.follow(t, 0, 2)
	e.must(t, text(1, alice, 2))
	e.must(t, text(1, alice, 3))
	for _, engine := range []Engine{e, e.Crash(t)} {
		got, _ := engine.follow(t, at, 2)
		assert.Equal(t, "where it goes on", got[0].Entry.Seq, chat.Seq(3))
	}
}

func eventsTail(t *testing.T, e Engine) {
	e.must(t, group(1, alice, bob))
	tail := e.Events.Tail()
	got := make(chan chat.Seq, 16)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- e.Events.Follow(ctx, tail, func(_ context.Context, b queue.Batch) error {
			for _, ev := range b.Events {
				got <- ev.Entry.Seq
			}
			return nil
		})
	}()
	for n := range 5 {
		e.must(t, text(1, alice, n))
		assert.Equal(t, "seq", <-got, chat.Seq(n+2))
	}
	cancel()
	assert.NoError(t, "follow", <-ended)
}

func eventsBeyond(t *testing.T, e Engine) {
	e.must(t, group(1, alice, bob))
	err := e.Events.Follow(t.Context(), e.Events.Tail()+1, func(context.Context, queue.Batch) error { return nil })
	assert.Equal(t, "reason", chat.AsError(err).Reason, chat.ReasonCursorInvalid)
}

func eventsError(t *testing.T, e Engine) {
	e.must(t, group(1, alice, bob))
	broken := errors.New("broken")
	err := e.Events.Follow(t.Context(), 0, func(context.Context, queue.Batch) error { return broken })
	assert.ErrorIs(t, "follow", err, broken)
	got, _ := e.follow(t, 0, 1)
	assert.Equal(t, "again", got[0].Entry.Seq, chat.Seq(1))
}

func eventsTrim(t *testing.T, e Engine) {
	e.must(t, group(1, alice, bob))
	_, at := e.follow(t, 0, 1)
	e.must(t, text(1, alice, 1))
	assert.NoError(t, "trim", e.Events.Trim(t.Context(), at))
	assert.NoError(t, "trim of nothing", e.Events.Trim(t.Context(), 0))
	e.must(t, text(1, alice, 2)) // makes the trim durable
	after := e.Crash(t)
	got, _ := after.follow(t, at, 2)
	assert.Equal(t, "what stays", got[0].Entry.Seq, chat.Seq(2))
	err := after.Events.Follow(t.Context(), 0, func(context.Context, queue.Batch) error { return nil })
	assert.Equal(t, "what is gone", chat.AsError(err).Code, chat.CodeGone)

	tail := after.Events.Tail()
	assert.NoError(t, "trim of all", after.Events.Trim(t.Context(), tail+100))
	after.must(t, text(1, alice, 3))
	again := after.Crash(t)
	got, _ = again.follow(t, tail, 1)
	assert.Equal(t, "positions are not given twice", got[0].Entry.Seq, chat.Seq(4))
}

func eventsEnd(t *testing.T, e Engine) {
	e.must(t, group(1, alice, bob))
	ended := make(chan error, 1)
	begun := make(chan struct{}, 1)
	go func() {
		ended <- e.Events.Follow(context.Background(), 0, func(context.Context, queue.Batch) error {
			begun <- struct{}{}
			return nil
		})
	}()
	<-begun
	assert.NoError(t, "closing", e.Close())
	assert.Equal(t, "follow of a closed store", chat.AsError(<-ended).Code, chat.CodeUnavailable)
}
