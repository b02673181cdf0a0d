package kill_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/throng-im/throng/client"
	"github.com/throng-im/throng/test/history"
)

// device is a client with the SDK: whatever happens to the server, its application is told every entry once, in order.
type device struct {
	// immutable after construction
	chapter *chapter
	number  int
	user    uint64
	rooms   []uint64
	window  int
	rng     *rand.Rand
	client  *client.Client

	// guarded by mu
	mu     sync.Mutex
	stream history.Stream
	holes  map[[2]uint64]bool
	told   map[uint64]uint64
	sent   []*sending
	resets int
}

func newDevice(c *chapter, number int, user uint64, token string, rooms []uint64, rng *rand.Rand) (*device, error) {
	d := &device{
		chapter: c, number: number, user: user, rooms: rooms, window: 1 + rng.IntN(4), rng: rng,
		holes: make(map[[2]uint64]bool), told: make(map[uint64]uint64),
	}
	d.stream.Device = "device " + strconv.Itoa(number)
	d.stream.Withheld = func(room, seq uint64) bool { return d.holes[[2]uint64{room, seq}] }
	var err error
	d.client, err = client.New("http://server", client.Options{
		Tokens: client.StaticToken(token), NetDial: c.server.DialContext, HTTP: c.server.HTTP(), OnEvent: d.note,
		BackoffBase: 10 * time.Millisecond, BackoffCap: 50 * time.Millisecond, JSON: number%2 == 0, MaxPull: 100_000, MaxEvents: 100_000,
	})
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	return d, nil
}

// note is told what the application is told.
func (d *device) note(e client.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch e := e.(type) {
	case client.Message:
		room, seq := uint64(e.Conversation), e.Entry.GetSeq()
		d.stream.Seen = append(d.stream.Seen, history.Seen{Conversation: room, Seq: seq, Key: keyOf(e.Entry)})
		d.told[room] = seq
	case client.Hole:
		for seq := e.From; seq <= e.To; seq++ {
			d.holes[[2]uint64{uint64(e.Conversation), seq}] = true
		}
	case client.Reset:
		d.resets++
	default:
	}
}

// live keeps a few messages on their way until the chapter ends, and waits for all of them.
func (d *device) live(ctx context.Context) error {
	var wg sync.WaitGroup
	errs := make(chan error, d.window)
	for range d.window {
		rng := rand.New(rand.NewPCG(d.rng.Uint64(), 6))
		wg.Go(func() {
			for !d.chapter.draining.Load() {
				if err := d.one(ctx, rng); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		return fmt.Errorf("%s: %w", d.stream.Device, err)
	}
	return nil
}

func (d *device) one(ctx context.Context, rng *rand.Rand) error {
	s := &sending{room: d.rooms[rng.IntN(len(d.rooms))], key: "d" + strconv.Itoa(d.number) + "-" + strconv.Itoa(d.chapter.keys(d.number))}
	s.op = d.chapter.history.Invoke(history.Op{Kind: history.Append, Client: d.number, Conversation: s.room, Key: s.key})
	sent, err := d.client.Send(ctx, client.ConversationID(s.room), client.Text(s.key))
	if err != nil {
		return err
	}
	ack, err := sent.Wait(ctx)
	if err != nil {
		return fmt.Errorf("sending %q: %w", s.key, err)
	}
	s.seq, s.timeMS = ack.Seq, uint64(ack.Time.UnixMilli())
	s.op.OK(func(o *history.Op) { o.Seq = ack.Seq })
	if ack.Repeat {
		d.chapter.repeats.Add(1)
	}
	d.chapter.acked.Add(1)
	d.mu.Lock()
	d.sent = append(d.sent, s)
	d.mu.Unlock()
	return nil
}

// behind says what the application was not told of yet; empty for nothing.
func (d *device) behind(truth history.Truth) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, room := range d.rooms {
		if head := uint64(len(truth[room])); d.told[room] != head {
			return fmt.Sprintf("%s was told conversation %d up to %d of %d", d.stream.Device, room, d.told[room], head)
		}
	}
	return ""
}
