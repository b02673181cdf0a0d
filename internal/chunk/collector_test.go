package chunk_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/chunk"
)

// DLV-21: one by one while few are sent.
func TestAQuietConversationIsDeliveredAtOnce(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	for seq := range chat.Seq(20) {
		r := one(t, s.add(text(seq+1, "hello")))
		assert.Equal(t, "chunks", seqs(r), [][]chat.Seq{{seq + 1}})
		s.now += 40 * time.Millisecond // the round
		assert.Equal(t, "rounds when it is over", len(s.done(r)), 0)
	}
}

// DLV-21: what comes while a round is under way goes out together.
func TestEntriesWaitForTheRoundUnderWay(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	first := one(t, s.add(text(1, "a")))
	for seq := chat.Seq(2); seq <= 24; seq++ {
		assert.Equal(t, "rounds", len(s.add(text(seq, "b"))), 0)
	}
	assert.Equal(t, "rounds while the first is under way", len(s.at(s.now+100*time.Millisecond)), 0)
	r := one(t, s.done(first))
	got := seqs(r)
	assert.Equal(t, "chunks", len(got), 3)
	assert.Equal(t, "the first chunk's length", len(got[0]), chat.MaxChunkEntries)
	assert.Equal(t, "all", slices.Concat(got...), span(2, 24))
	assert.Equal(t, "where it ends", r.End().Seq, 24)
}

// DLV-21: rounds begin as far apart as the conversation is held to; the first after a quiet time at once, and nothing waits longer than a
// second.
func TestRoundsAreApart(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.pace.Apart = 400 * time.Millisecond
	seq := chat.Seq(0)
	next := func() *chat.Entry { seq++; return text(seq, "a") }
	for range 2 {
		begin := s.now
		s.done(one(t, s.add(next())))
		for range 12 {
			s.now += 10 * time.Millisecond
			assert.Equal(t, "rounds while the next one is not due", len(s.add(next())), 0)
		}
		assert.Equal(t, "a moment early", len(s.at(begin+399*time.Millisecond)), 0)
		r := one(t, s.at(begin+400*time.Millisecond))
		assert.Equal(t, "chunks", len(seqs(r)), 2)
		assert.Equal(t, "where it ends", r.End().Seq, seq)
		s.done(r)
		assert.Equal(t, "rounds of nothing", len(s.at(s.now+time.Minute)), 0)
		assert.Equal(t, "it is at rest", s.Len(), 0)
	}
	s.pace.Apart = time.Hour
	s.done(one(t, s.add(next())))
	s.add(next())
	one(t, s.at(s.now+time.Second))
}

func span(from, to chat.Seq) (out []chat.Seq) {
	for s := from; s <= to; s++ {
		out = append(out, s)
	}
	return out
}

// DLV-21: 64 KiB, one entry at least.
func TestChunksAreBoundedInBytes(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.add(text(1, "a"))
	for seq := chat.Seq(2); seq <= 12; seq++ {
		s.add(text(seq, strings.Repeat("x", 15_000)))
	}
	r := one(t, s.at(s.now+time.Second))
	assert.Equal(t, "chunks", seqs(r), [][]chat.Seq{{2, 3, 4, 5}, {6, 7, 8, 9}, {10, 11, 12}})
}

// DLV-21: a second at most, though the loops are stuck.
func TestNothingIsHeldForLongerThanASecond(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.add(text(1, "a"))
	begin := s.now
	s.now += 300 * time.Millisecond
	s.add(text(2, "b"))
	s.now += 300 * time.Millisecond
	s.add(text(3, "c"))
	assert.Equal(t, "rounds before", len(s.at(begin+1_299*time.Millisecond)), 0)
	assert.Equal(t, "chunks", seqs(one(t, s.at(begin+1_300*time.Millisecond))), [][]chat.Seq{{2, 3}})
}

// DLV-21, DLV-2: who came or went with an entry does not share a chunk with what follows.
func TestAChunkEndsAtAChangeOfMembers(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.add(text(1, "a"))
	s.add(text(2, "b"))
	s.add(joined(3))
	s.add(text(4, "c"))
	s.add(joined(5))
	s.add(joined(6))
	s.add(text(7, "d"))
	r := one(t, s.at(s.now+time.Second))
	assert.Equal(t, "chunks", seqs(r), [][]chat.Seq{{2, 3}, {4, 5}, {6}, {7}})
}

// DLV-24: before something is delivered in another way, all that waits goes out.
func TestACutLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.Cut(s.now, group)
	assert.Equal(t, "rounds of nothing", len(s.Take()), 0)
	s.add(text(1, "a"))
	s.add(text(2, "b"))
	s.Cut(s.now, group)
	assert.Equal(t, "chunks", seqs(one(t, s.Take())), [][]chat.Seq{{2}})
}

// What is given up is told: the next round begins behind a gap, or is a hint.
func TestWhatIsGivenUpIsAHint(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	var under []*chunk.Round
	seq := chat.Seq(0)
	for len(under) < 64 {
		seq++
		under = append(under, s.add(text(seq, "a"))...)
		under = append(under, s.at(s.now+time.Second)...)
	}
	seq++
	assert.Equal(t, "rounds", len(s.add(text(seq, "lost"))), 0)
	assert.Equal(t, "rounds of too much", len(s.at(s.now+time.Second)), 0)
	var after []*chunk.Round
	for _, r := range under {
		after = append(after, s.done(r)...)
	}
	after = append(after, s.at(s.now+10*time.Second)...)
	hint := after[0]
	assert.Equal(t, "chunks of the hint", len(hint.Chunks), 0)
	assert.Equal(t, "where it ends", hint.End().Seq, seq)
}

// A conversation at rest costs nothing, and those beyond the bound go out at once.
func TestWhatIsAtRestIsForgotten(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	var rounds []*chunk.Round
	for i := range 5_000 {
		e := text(1, "a")
		e.Conversation = chat.ConversationID(i + 1)
		rounds = append(rounds, one(t, s.add(e)))
	}
	assert.Equal(t, "conversations", s.Len(), 4_096)
	s.now += time.Millisecond
	for _, r := range rounds {
		s.done(r)
	}
	assert.Equal(t, "conversations at rest", s.Len(), 0)
	_, ok := s.Due()
	assert.True(t, "nothing is due", !ok)
}

// DLV-22
func TestBatchingIsToldWhenItBeginsAndEnds(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	var told []string
	note := func(rounds []*chunk.Round) {
		for _, r := range rounds {
			if r.Notice != nil {
				told = append(told, fmt.Sprintf("%v %v", r.Notice.Interval, r.Notice.SendWait))
			}
		}
	}
	type begun struct {
		round *chunk.Round
		at    time.Duration
	}
	var under []begun
	begin := func(rounds []*chunk.Round) {
		note(rounds)
		for _, r := range rounds {
			under = append(under, begun{r, s.now})
		}
	}
	live := func(d time.Duration) {
		for end := s.now + d; s.now < end; {
			begin(s.at(s.now + 10*time.Millisecond))
			for len(under) > 0 && s.now >= under[0].at+200*time.Millisecond { // what a round takes
				r := under[0].round
				under = under[1:]
				begin(s.done(r))
			}
		}
	}
	for seq := range chat.Seq(600) { // 20 a second
		e := text(seq+1, "busy")
		s.Add(s.now, e, headOf(e), chunk.Pace{SendWait: 3 * time.Second})
		begin(s.Take())
		live(50 * time.Millisecond)
	}
	assert.Equal(t, "what is told while it is busy", told, []string{"250ms 3s"})
	assert.Equal(t, "what a newcomer is told", s.Notice(group), chunk.Notice{Interval: 250 * time.Millisecond, SendWait: 3 * time.Second})
	live(10 * time.Second)
	assert.Equal(t, "what is told in the end", told, []string{"250ms 3s", "0s 0s"})
	assert.Equal(t, "conversations", s.Len(), 0)
}
