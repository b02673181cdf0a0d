package near_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/near"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bare is a cache that has nothing, and counts who asks.
type bare struct{ asked, forgotten int }

func (b *bare) Get(context.Context, chat.ConversationID, chat.Seq, chat.Seq, chat.Seq) ([]chat.Entry, bool) {
	b.asked++
	return nil, false
}

func (b *bare) Put(context.Context, ...*chat.Entry) {}

func (b *bare) Forget(context.Context, chat.ConversationID, chat.Seq) error {
	b.forgotten++
	return nil
}

// bench is a ring on a clock of its own.
type bench struct {
	*near.Ring

	t    *testing.T
	next *bare
	now  time.Time
}

func newBench(t *testing.T, cfg near.Config) *bench {
	t.Helper()
	b := &bench{t: t, next: &bare{}, now: time.Unix(1_700_000_000, 0)}
	b.Ring = near.NewRing(cfg, b.next, func() time.Time { return b.now }, near.NewMetrics(nil))
	return b
}

var roomy = near.Config{Bytes: 1 << 20, ConversationBytes: 1 << 19}

// note has entries come that are committed now.
func (b *bench) note(id chat.ConversationID, seqs ...chat.Seq) {
	for _, seq := range seqs {
		b.noteAt(id, seq, b.now, "x")
	}
}

func (b *bench) noteAt(id chat.ConversationID, seq chat.Seq, at time.Time, text string) {
	b.Note(
		&chat.Entry{Conversation: id, Seq: seq, TimeMS: uint64(at.UnixMilli()), Body: chat.Text{Text: text}},
		chat.Head{Conversation: id, Seq: seq, Tier: chat.TierLarge},
	)
}

// serves checks whether a run is served, and that the shared cache is asked where it is not.
func (b *bench) serves(want bool, id chat.ConversationID, from, to chat.Seq) {
	b.t.Helper()
	before := b.next.asked
	got, ok := b.Get(b.t.Context(), id, from, to, 0)
	if ok != want || b.next.asked-before != map[bool]int{true: 0, false: 1}[want] {
		b.t.Fatalf("%d to %d of %d: served %v, want %v; the shared cache was asked %d times", from, to, id, ok, want, b.next.asked-before)
	}
	for i := range got {
		assert.Equal(b.t, "seq", got[i].Seq, from+chat.Seq(i))
	}
	if ok {
		assert.Equal(b.t, "entries", len(got), int(to-from+1))
	}
}

func TestARunWithoutAHoleIsServed(t *testing.T) {
	t.Parallel()
	b := newBench(t, roomy)
	b.serves(false, 7, 1, 1)
	b.note(7, 10, 11, 13)
	b.serves(true, 7, 10, 11)
	b.serves(true, 7, 13, 13)
	for _, run := range [][2]chat.Seq{{10, 13}, {12, 12}, {9, 11}, {13, 14}, {11, 10}} {
		b.serves(false, 7, run[0], run[1])
	}
	b.note(7, 12, 9) // they were overtaken
	b.serves(true, 7, 9, 13)
	b.serves(false, 8, 10, 10)
	b.note(7, 14, 14)
	b.serves(true, 7, 14, 14)

	got, _ := b.Get(t.Context(), 7, 9, 9, 0)
	got[0].Body = chat.Text{Text: "written over"}
	again, _ := b.Get(t.Context(), 7, 9, 9, 0)
	assert.Equal(t, "an entry that its reader wrote to", again[0].Body, chat.Body(chat.Text{Text: "x"}))
}

func TestWhatIsFarApartBeginsAnew(t *testing.T) {
	t.Parallel()
	b := newBench(t, roomy)
	b.note(7, 10, 11, 5_000)
	b.serves(true, 7, 5_000, 5_000)
	b.serves(false, 7, 10, 11)
	b.note(7, 10) // long ago
	b.serves(true, 7, 5_000, 5_000)
	b.serves(false, 7, 10, 10)
}

func TestSmallConversationsAreNotKept(t *testing.T) {
	t.Parallel()
	b := newBench(t, roomy)
	e := &chat.Entry{Conversation: 7, Seq: 1, TimeMS: uint64(b.now.UnixMilli()), Body: chat.Text{Text: "x"}}
	b.Note(e, chat.Head{Conversation: 7, Seq: 1, Tier: chat.TierSmall})
	b.serves(false, 7, 1, 1)
}

// What was removed is served no more, and what carries it still does not bring it back. Other conversations and what comes later are
// served.
func TestRemovedContentIsDropped(t *testing.T) {
	t.Parallel()
	b := newBench(t, roomy)
	b.note(7, 1, 2)
	b.note(8, 1)
	b.Drop(7)
	b.serves(false, 7, 1, 2)
	b.serves(true, 8, 1, 1)
	b.note(7, 2, 3) // on their way since before
	b.serves(false, 7, 2, 2)
	committed := b.now.Add(5 * time.Second) // by a clock that is ahead
	b.noteAt(7, 3, committed, "x")
	b.serves(false, 7, 3, 3)
	b.now = b.now.Add(20 * time.Second)
	b.noteAt(7, 3, committed, "x")
	b.serves(false, 7, 3, 3)
	b.note(7, 4)
	b.serves(true, 7, 4, 4)

	assert.NoError(t, "forget", b.Forget(t.Context(), 8, 1))
	assert.Equal(t, "the shared cache forgets too", b.next.forgotten, 1)
	b.serves(false, 8, 1, 1)
	b.note(8, 1)
	b.serves(false, 8, 1, 1)
}

// Where nobody says what was removed, time does.
func TestEntriesAreServedForAMinute(t *testing.T) {
	t.Parallel()
	b := newBench(t, roomy)
	b.note(7, 1)
	b.now = b.now.Add(59 * time.Second)
	b.serves(true, 7, 1, 1)
	b.note(7, 2)
	b.now = b.now.Add(2 * time.Second)
	b.serves(false, 7, 1, 1)
	b.serves(false, 7, 1, 2)
	b.serves(true, 7, 2, 2)
	b.noteAt(7, 3, b.now.Add(-61*time.Second), "x")
	b.serves(false, 7, 3, 3)
	b.noteAt(7, 3, b.now.Add(-59*time.Second), "x")
	b.serves(true, 7, 3, 3)
}

func TestAfterAGapInTheBusNothingIsLeft(t *testing.T) {
	t.Parallel()
	b := newBench(t, roomy)
	b.note(7, 1)
	b.note(8, 1)
	b.Clear()
	b.serves(false, 7, 1, 1)
	b.serves(false, 8, 1, 1)
	b.note(7, 2)
	b.serves(false, 7, 2, 2)
	b.now = b.now.Add(11 * time.Second)
	b.note(7, 3)
	b.serves(true, 7, 3, 3)
}

// More removals than are remembered count for every conversation.
func TestManyRemovals(t *testing.T) {
	t.Parallel()
	b := newBench(t, roomy)
	for id := chat.ConversationID(100); id < 100+20_000; id++ {
		b.Drop(id)
	}
	b.note(100, 1)
	b.note(7, 1)
	b.serves(false, 100, 1, 1)
	b.serves(false, 7, 1, 1)
	b.now = b.now.Add(11 * time.Second)
	b.note(100, 2)
	b.serves(true, 100, 2, 2)
}

func TestARingIsBounded(t *testing.T) {
	t.Parallel()
	b := newBench(t, near.Config{Bytes: 64 << 10, ConversationBytes: 16 << 10})
	text := strings.Repeat("x", 1<<10)
	for seq := chat.Seq(1); seq <= 100; seq++ {
		b.noteAt(1, seq, b.now, text)
	}
	b.serves(true, 1, 92, 100)
	b.serves(false, 1, 80, 80)
	for id := chat.ConversationID(2); id <= 100; id++ {
		b.noteAt(id, 1, b.now, text)
		b.serves(true, 1, 100, 100) // it is in use
	}
	b.serves(true, 100, 1, 1)
	b.serves(false, 2, 1, 1)
	b.noteAt(200, 1, b.now, strings.Repeat("x", 1<<20)) // the newest is kept whatever its size, and nothing else then
	b.serves(true, 200, 1, 1)
	b.serves(false, 1, 100, 100)

	off := newBench(t, near.Config{})
	off.note(7, 1)
	off.serves(false, 7, 1, 1)
}
