package porttest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/queue"
)

// PublishedEvents is an adapter of the publisher port.
type PublishedEvents struct {
	Publisher queue.Publisher
	// Stored reads everything that is stored, in order per conversation.
	Stored func(t testing.TB) []chat.Event
	// Faults are ways in which the queue's engine fails, by name: each begins one and returns what ends it.
	Faults map[string]func(t testing.TB) (end func())
}

// Publisher runs the rules PUB-1 and PUB-2 against an adapter. Open returns a fresh one.
func Publisher(t *testing.T, open func(t testing.TB) PublishedEvents) {
	t.Helper()
	for _, c := range []struct {
		name string
		run  func(t *testing.T, p PublishedEvents)
	}{
		{"PUB-1 what was published is stored, as it was", publisherStores},
		{"PUB-1 much at once", publisherMuch},
		{"PUB-2 callers that give up and begin again", publisherGivesUp},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, open(t))
		})
	}
	t.Run("PUB-2 under faults", func(t *testing.T) {
		t.Parallel()
		p := open(t)
		for name := range p.Faults {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				p := open(t)
				publisherFaults(t, p, p.Faults[name])
			})
		}
	})
}

func entryEvent(id chat.ConversationID, seq chat.Seq, body chat.Body) chat.Event {
	return chat.Event{
		Entry: &chat.Entry{
			Conversation: id, Seq: seq, Ordinal: chat.Ordinal(seq), Sender: alice, TimeMS: 1_700_000_000_000 + uint64(seq),
			ClientID: clientID(int(seq)), Body: body,
		},
		Head: chat.Head{
			Conversation: id, Kind: chat.KindGroup, Tier: chat.TierSmall, Seq: seq, Ordinal: chat.Ordinal(seq), MemberSeq: 1, Members: 2,
			TimeMS: 1_700_000_000_000 + uint64(seq),
		},
		Was: chat.TierSmall, MemberWas: 1, Reader: alice, Device: 101, Read: chat.Read{Seq: seq, Ordinal: chat.Ordinal(seq)},
	}
}

func publisherStores(t *testing.T, p PublishedEvents) {
	name := "n"
	bodies := []chat.Body{
		chat.Created{Kind: chat.KindGroup, Name: "group", Members: []chat.UserID{alice, bob}},
		chat.Text{Text: "hello"},
		chat.Text{Text: strings.Repeat("x", chat.MaxTextBytes)},
		chat.Media{Type: chat.MediaFile, Ref: "r", MIME: "m", Size: 5, Preview: []byte{1, 2}},
		chat.Custom{Type: "t", Data: []byte{2}, Fallback: "f"},
		chat.System{Event: "e", Args: map[string]string{"a": "b"}},
		chat.MembersChanged{Action: chat.MemberAdded, Users: []chat.UserID{carol}, Role: chat.RoleMember},
		chat.Changed{Name: &name},
		chat.Tombstone{Reason: chat.TombstoneErased},
		chat.Dissolved{},
	}
	events := make([]chat.Event, 0, len(bodies)+1)
	for i, b := range bodies {
		events = append(events, entryEvent(7, chat.Seq(i+1), b))
	}
	read := events[3]
	read.Entry, read.Was, read.MemberWas, read.Reader = nil, 0, 0, bob
	events = append(events, read)
	assert.NoError(t, "publishing", p.Publisher.Publish(t.Context(), queue.LaneOf(7), events))
	assert.NoError(t, "publishing nothing", p.Publisher.Publish(t.Context(), queue.LaneOf(7), nil))
	stored := p.Stored(t)
	assert.Equal(t, "events", len(stored), len(events))
	for i, ev := range events {
		assert.Equal(t, fmt.Sprint("head of event ", i), stored[i].Head, ev.Head)
		if ev.Entry != nil {
			assert.Equal(t, fmt.Sprint("entry of event ", i), *stored[i].Entry, *ev.Entry)
		}
		got := stored[i]
		got.Entry, ev.Entry = nil, nil
		assert.Equal(t, fmt.Sprint("event ", i), got, ev)
	}
}

func publisherMuch(t *testing.T, p PublishedEvents) {
	const each = 3_000
	text := strings.Repeat("much ", 100)
	var wg sync.WaitGroup
	ids := conversations()[:6]
	for _, id := range ids {
		wg.Go(func() {
			var events []chat.Event
			for seq := chat.Seq(1); seq <= each; seq++ {
				events = append(events, entryEvent(id, seq, chat.Text{Text: text}))
			}
			if err := p.Publisher.Publish(t.Context(), queue.LaneOf(id), events); err != nil {
				t.Errorf("publishing: %v", err)
			}
		})
	}
	wg.Wait()
	firstInOrder(t, p.Stored(t), ids, each)
}

// firstInOrder checks that each conversation has all its entries, and that the first occurrences are in order.
func firstInOrder(t testing.TB, stored []chat.Event, ids []chat.ConversationID, each chat.Seq) {
	t.Helper()
	f := newFollowers()
	f.note(stored)
	if len(f.wrong) > 0 {
		t.Errorf("%d of %d out of order, such as: %s", len(f.wrong), len(stored), f.wrong[0])
	}
	for _, id := range ids {
		assert.Equal(t, fmt.Sprint("last of conversation ", id), f.seen[id], each)
	}
	t.Logf("%d stored, of which %d repeats", len(stored), f.repeats)
}

// keepPublishing publishes entries of a conversation as a relay does: after an error it begins with the first one that was not
// acknowledged, and others behind it. Limit is how long a call may take.
func keepPublishing(t testing.TB, p queue.Publisher, id chat.ConversationID, last chat.Seq, limit func() time.Duration) {
	ctx, cancel := context.WithTimeout(t.Context(), settled)
	defer cancel()
	for done := chat.Seq(0); done < last; {
		n := min(chat.Seq(1+rand.IntN(20)), last-done)
		var events []chat.Event
		for seq := done + 1; seq <= done+n; seq++ {
			events = append(events, entryEvent(id, seq, chat.Text{Text: fmt.Sprint(seq)}))
		}
		call, stop := context.WithTimeout(ctx, limit())
		err := p.Publish(call, queue.LaneOf(id), events)
		stop()
		switch {
		case err == nil:
			done += n
		case ctx.Err() != nil:
			t.Errorf("conversation %d: %d of %d are published after %s: %v", id, done, last, settled, err)
			return
		default:
			<-time.After(rand.N(20 * time.Millisecond))
		}
	}
}

func publisherGivesUp(t *testing.T, p PublishedEvents) {
	const each = 300
	ids := conversations()[:6]
	var wg sync.WaitGroup
	for _, id := range ids {
		wg.Go(func() {
			keepPublishing(t, p.Publisher, id, each, func() time.Duration {
				if rand.IntN(2) == 0 {
					return settled
				}
				return rand.N(4 * time.Millisecond)
			})
		})
	}
	wg.Wait()
	firstInOrder(t, p.Stored(t), ids, each)
}

func publisherFaults(t *testing.T, p PublishedEvents, fault func(t testing.TB) (end func())) {
	const each = 200
	ids := conversations()[:6]
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			end := fault(t)
			<-time.After(rand.N(100 * time.Millisecond))
			end()
			select {
			case <-stop:
				return
			case <-time.After(rand.N(50 * time.Millisecond)):
			}
		}
	}()
	var wg sync.WaitGroup
	for _, id := range ids {
		wg.Go(func() { keepPublishing(t, p.Publisher, id, each, func() time.Duration { return 2 * time.Second }) })
	}
	wg.Wait()
	close(stop)
	<-ended
	firstInOrder(t, p.Stored(t), ids, each)
}
