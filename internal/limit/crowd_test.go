//go:build !race

// What stands here measures how much is done in a time, or does a great deal of it; it runs with the reliability tests.

package limit_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/limit"
)

// cores and their deliveries: the shared budget of these tests is 50,000 a second.
const (
	cores  = 2
	budget = 50_000.0
)

func deliveries() limit.Deliveries { return limit.Default().Deliveries }

// room is a conversation in a test, with a model of how its messages become writes.
type room struct {
	id       chat.ConversationID
	audience limit.Audience
	offered  float64 // messages per second that its members would send
	quiet    bool

	tried, sent, refused int     // tried counts no one who comes back
	writes               float64 // to all of its receivers
	waiting              []time.Duration
	chunk                int           // entries that wait for each other
	flushed              time.Duration // when the last round began
	apart                time.Duration // how far apart they have to
}

// deliver counts the writes of a message: at once, or with others where the last round was a short time ago.
func (r *room) deliver(now time.Duration) {
	r.sent++
	if !r.audience.Chunked {
		r.writes += float64(r.audience.Connections)
		return
	}
	if r.chunk++; now-r.flushed >= r.apart {
		r.flush(now)
	}
}

func (r *room) flush(now time.Duration) {
	if r.chunk > 0 {
		r.writes += float64(r.audience.Connections) * (1 + float64(r.chunk-1)/10) // ten more entries take as long as a write
		r.chunk, r.flushed = 0, now
	}
}

// town is several rooms under one limit.
type town struct {
	clock *clock
	start time.Time
	crowd *limit.Crowd
	rooms []*room
	rand  *rand.Rand
}

func newTown(r *rand.Rand, rooms ...*room) *town {
	w := &town{clock: newClock(), rooms: rooms, rand: r}
	w.start = w.clock.now()
	w.crowd = limit.NewCrowd(deliveries(), cores, w.clock.now)
	for i, r := range rooms {
		r.id = chat.ConversationID(i + 1)
		r.flushed = -time.Hour
	}
	return w
}

// writes are those of all rooms that are limited.
func (w *town) writes() (n float64) {
	for _, r := range w.rooms {
		if r.audience.Connections > deliveries().Free {
			n += r.writes
		}
	}
	return n
}

// pass lets members send for a time. Who is refused comes back when told to; a hundred of a room wait like that, others give up.
func (w *town) pass(d time.Duration) {
	const step = 10 * time.Millisecond
	for end := w.clock.now().Add(d); w.clock.now().Before(end); {
		w.clock.add(step)
		now := w.clock.now().Sub(w.start)
		for _, r := range w.rooms {
			if _, r.apart = w.crowd.Expect(r.id); now-r.flushed >= r.apart {
				r.flush(now)
			}
			tries := 0
			for i := len(r.waiting) - 1; i >= 0; i-- {
				if r.waiting[i] <= now {
					r.waiting[i] = r.waiting[len(r.waiting)-1]
					r.waiting = r.waiting[:len(r.waiting)-1]
					tries++
				}
			}
			if !r.quiet {
				for p := r.offered * step.Seconds(); p > 0; p-- {
					if w.rand.Float64() < p {
						tries++
						r.tried++
					}
				}
			}
			for range tries {
				wait := w.crowd.Take(r.id, r.audience)
				switch {
				case wait == 0:
					r.deliver(now)
					continue
				case len(r.waiting) < 100:
					r.waiting = append(r.waiting, now+wait)
				}
				r.refused++
			}
		}
	}
}

// randomRooms are up to n rooms of all sizes, whose members write anything between one message a minute and a hundred a second.
func randomRooms(r *rand.Rand, n int) []*room {
	rooms := make([]*room, 1+r.IntN(n))
	for i := range rooms {
		size := int(math.Pow(10, 0.5+5.5*r.Float64()))
		rooms[i] = &room{audience: limit.Audience{Connections: size, Chunked: size > 10_000}, offered: math.Pow(10, -1.7+3.7*r.Float64())}
	}
	return rooms
}

// The property: whatever conversations do, what those with many receivers make together stays at the budget; what each may always
// send comes on top. Small ones are never limited, and no one's part is taken by others.
func TestCrowdsStayInTheirBudget(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for world := range 25 {
		w := newTown(r, randomRooms(r, 40)...)
		name := fmt.Sprintf("seed %d, world %d", seed, world)
		var floors, largest float64
		large := 0
		for _, r := range w.rooms {
			if n := float64(r.audience.Connections); r.audience.Connections > deliveries().Free {
				floors += n / deliveries().Longest.Seconds()
				largest = max(largest, n)
				large++
			}
		}
		w.pass(time.Minute)
		const windows, window = 6, 30 * time.Second
		begin := w.writes()
		tried, sent, busy := make([]int, len(w.rooms)), make([]int, len(w.rooms)), make([]time.Duration, len(w.rooms))
		for range windows {
			for i, r := range w.rooms {
				if r.quiet = w.rand.IntN(5) == 0; !r.quiet {
					busy[i] += window
					sent[i] -= r.sent
					tried[i] -= r.tried
				}
			}
			before := w.writes()
			w.pass(window)
			// In 30 s: what buckets may have held, and a message of each conversation, whose cost is not spread over its time.
			held := 4*budget + floors*deliveries().Longest.Seconds()
			if got, most := w.writes()-before, (budget+floors)*window.Seconds()*1.02+held; got > most {
				t.Fatalf("%s: %.0f deliveries in %s; at most %.0f", name, got, window, most)
			}
			for i, r := range w.rooms {
				if !r.quiet {
					sent[i] += r.sent
					tried[i] += r.tried
				}
			}
		}
		if got, most := (w.writes()-begin)/(windows*window.Seconds()), 1.05*(budget+floors)+(2*budget+2*largest)/(windows*window.Seconds()); got > most {
			t.Fatalf("%s: %.0f deliveries a second in the long run; at most %.0f", name, got, most)
		}
		for i, r := range w.rooms {
			if r.audience.Connections <= deliveries().Free && r.refused > 0 {
				t.Fatalf("%s: a conversation with %d receivers was limited", name, r.audience.Connections)
			}
			// Its part of the budget, or its floor, is each one's own.
			part := max(budget/float64(max(large, 1))/float64(r.audience.Connections), 1/deliveries().Longest.Seconds())
			if want := 0.8*min(part*busy[i].Seconds(), float64(tried[i])) - 3; float64(sent[i]) < want {
				t.Fatalf("%s: a conversation with %d receivers sent %d of %d in %s; its part is %.3f/s",
					name, r.audience.Connections, sent[i], tried[i], busy[i], part)
			}
		}
	}
}

// What others do not use is not lost: a busy conversation among quiet ones has what they leave.
func TestCrowdsTakeWhatOthersLeave(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 1))
	busy := &room{audience: limit.Audience{Connections: 1_000}, offered: 200}
	rooms := []*room{busy}
	for range 9 {
		rooms = append(rooms, &room{audience: limit.Audience{Connections: 1_000}, offered: 1})
	}
	w := newTown(r, rooms...)
	w.pass(time.Minute)
	before := busy.sent
	w.pass(time.Minute)
	assert.Equal(t, "all are active", w.crowd.Active(), 10)
	rate := float64(busy.sent-before) / 60
	assert.True(t, fmt.Sprintf("%.1f a second of the 41 that are left", rate), rate > 39 && rate < 43)
	for _, quiet := range rooms[1:] {
		assert.Equal(t, "a quiet one is refused", quiet.refused, 0)
	}
}

// The rate falls as receivers and activity grow, between its bounds.
func TestCrowdRate(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name      string
		receivers int
		chunked   bool
		others    int // as large and as busy
		low, high float64
	}{
		{"few receivers", 100, false, 0, 390, 410}, // all that is offered
		{"a medium group", 1_000, false, 0, 48, 52},
		{"among ten", 1_000, false, 9, 4.8, 5.2},
		{"ten thousand", 10_000, false, 0, 4.8, 5.2},
		{"ten thousand, in chunks", 10_001, true, 0, 24, 31},
		{"a hundred thousand", 100_000, true, 0, 0.48, 0.52},
		{"a million", 1_000_000, true, 0, 0.045, 0.055},
		{"ten millions, at their floor", 1_000_000, true, 9, 0.015, 0.025},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			rooms := make([]*room, 1+tc.others)
			for i := range rooms {
				rooms[i] = &room{audience: limit.Audience{Connections: tc.receivers, Chunked: tc.chunked}, offered: 400}
			}
			w := newTown(rand.New(rand.NewPCG(2, 2)), rooms...)
			w.pass(2 * time.Minute)
			before := rooms[0].sent
			w.pass(400 * time.Second)
			rate := float64(rooms[0].sent-before) / 400
			assert.True(t, fmt.Sprintf("%.3f a second, not %.3f to %.3f", rate, tc.low, tc.high), rate >= tc.low && rate <= tc.high)
		})
	}
}

// Guarantee 29: a group of a million at its limit leaves the node what conversations with many receivers may not have.
func TestAMillionLeavesRoom(t *testing.T) {
	t.Parallel()
	million := &room{audience: limit.Audience{Connections: 1_000_000, Chunked: true}, offered: 50}
	direct := &room{audience: limit.Audience{Connections: 2}, offered: 400}
	w := newTown(rand.New(rand.NewPCG(3, 3)), million, direct)
	w.pass(10 * time.Minute)
	rate := million.writes / 600
	assert.True(t, fmt.Sprintf("%.0f deliveries a second leave half of the node's 100,000", rate), rate < 1.1*budget)
	assert.Equal(t, "a direct chat is refused", direct.refused, 0)
}

// Who waits as long as told finds room, where nobody else came in between; those who ask at once are told different times.
func TestCrowdTellsTheWait(t *testing.T) {
	t.Parallel()
	c := newClock()
	crowd := limit.NewCrowd(deliveries(), cores, c.now)
	const id = chat.ConversationID(7)
	big := limit.Audience{Connections: 500_000}
	assert.Equal(t, "nothing is known of it", crowd.Peek(id), 0)
	send, rounds := crowd.Expect(id)
	assert.Equal(t, "nothing to expect of it", send+rounds, 0)
	assert.Equal(t, "the first", crowd.Take(id, big), 0)
	send, rounds = crowd.Expect(id)
	assert.True(t, fmt.Sprintf("messages are %s apart", send), send > 9*time.Second && send <= 10*time.Second)
	assert.Equal(t, "rounds of what is not delivered in chunks", rounds, 0)
	wait := crowd.Take(id, big)
	assert.True(t, fmt.Sprintf("the second waits %s", wait), wait > 9*time.Second && wait <= 10*time.Second)
	c.add(wait - 2*time.Millisecond)
	left := crowd.Peek(id)
	assert.True(t, fmt.Sprintf("a moment early there are %s left", left), left > 0 && left <= deliveries().Longest)
	c.add(2 * time.Millisecond)
	assert.Equal(t, "peeking takes nothing", crowd.Peek(id), 0)
	assert.Equal(t, "on time", crowd.Take(id, big), 0)
	told := map[time.Duration]bool{}
	for range 4 {
		w := crowd.Take(id, big)
		told[w] = true
		assert.True(t, fmt.Sprintf("nobody waits longer than the floor says: %s", w), w <= deliveries().Longest)
	}
	assert.Equal(t, "four are told different times", len(told), 4)
	// Who asks in vain, and often, does not make others wait longer than that.
	small := limit.Audience{Connections: 10_000}
	for crowd.Take(8, small) == 0 {
	}
	for range 10_000 {
		w := crowd.Peek(8)
		assert.True(t, fmt.Sprintf("%s for five messages a second", w), w < 17*400*time.Millisecond)
	}
}

// Rounds of a conversation in chunks are as far apart as half of its part allows, and never more than a second.
func TestCrowdRounds(t *testing.T) {
	t.Parallel()
	crowd := limit.NewCrowd(deliveries(), cores, newClock().now)
	for receivers, want := range map[int]time.Duration{
		1_000: 40 * time.Millisecond, 10_000: 400 * time.Millisecond, 25_000: time.Second, 1_000_000: time.Second,
	} {
		one := limit.NewCrowd(deliveries(), cores, newClock().now)
		one.Take(1, limit.Audience{Connections: receivers, Chunked: true})
		_, rounds := one.Expect(1)
		assert.Equal(t, fmt.Sprintf("with %d receivers", receivers), rounds, want)
		crowd.Take(chat.ConversationID(receivers), limit.Audience{Connections: receivers, Chunked: true})
	}
	_, rounds := crowd.Expect(1_000)
	assert.Equal(t, "among four", rounds, 160*time.Millisecond)
}

func TestCrowdForgets(t *testing.T) {
	t.Parallel()
	c := newClock()
	d := deliveries()
	d.Keys = 10
	crowd := limit.NewCrowd(d, cores, c.now)
	a := limit.Audience{Connections: 1_000_000}
	for id := range chat.ConversationID(10) {
		crowd.Take(id+1, a)
	}
	assert.Equal(t, "active", crowd.Active(), 10)
	crowd.Take(11, a)
	assert.True(t, "those without room are limited like one", crowd.Take(12, a) > 0)
	c.add(20 * time.Second)
	assert.Equal(t, "what they did is not forgotten", crowd.Active(), 11)
	assert.True(t, "they wait", crowd.Take(1, a) > 0)
	c.add(60 * time.Second)
	assert.Equal(t, "in the end it is", crowd.Active(), 0)
	assert.Equal(t, "a new one finds room", crowd.Take(13, a), 0)
	assert.Equal(t, "and is one of its own", crowd.Active(), 1)
}

func TestCrowdScale(t *testing.T) {
	t.Parallel()
	busy := &room{audience: limit.Audience{Connections: 1_000}, offered: 100}
	w := newTown(rand.New(rand.NewPCG(4, 4)), busy)
	w.crowd.Scale(0.2)
	w.pass(10 * time.Second)
	before := busy.sent
	w.pass(time.Minute)
	rate := float64(busy.sent-before) / 60
	assert.True(t, fmt.Sprintf("%.1f a second of a fifth of the budget", rate), rate > 9 && rate < 11)
}

func TestDeliveriesConfig(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*limit.Deliveries){
		"rate":    func(d *limit.Deliveries) { d.Rate = -1 },
		"share":   func(d *limit.Deliveries) { d.Share = 1.5 },
		"free":    func(d *limit.Deliveries) { d.Free = -1 },
		"longest": func(d *limit.Deliveries) { d.Longest = 0 },
		"keys":    func(d *limit.Deliveries) { d.Keys = 0 },
	} {
		c := limit.Default()
		spoil(&c.Deliveries)
		err := c.Validate()
		assert.True(t, name+" is named", err != nil && strings.Contains(err.Error(), "deliveries: "+name))
	}
	off := limit.NewCrowd(limit.Deliveries{}, cores, nil)
	for range 1_000 {
		assert.Equal(t, "rate 0 is no limit", off.Take(1, limit.Audience{Connections: 1_000_000})+off.Peek(1), 0)
	}
}

func BenchmarkCrowd(b *testing.B) {
	crowd := limit.NewCrowd(deliveries(), cores, nil)
	for id := range chat.ConversationID(4_000) {
		crowd.Take(id, limit.Audience{Connections: 1_000})
	}
	b.Run("take", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			crowd.Take(7, limit.Audience{Connections: 1_000})
		}
	})
	b.Run("peek", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			crowd.Peek(7)
		}
	})
}
