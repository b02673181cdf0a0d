package sim

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
	"github.com/throng-im/throng/test/history"
)

// pause is how long a person does nothing between two moves, on average.
const pause = 2 * time.Second

// live does what a person with this device does, until the world heals.
func (d *device) live(until time.Time) {
	for time.Now().Before(until) {
		time.Sleep(time.Duration(-float64(pause) * math.Log(1-d.float())))
		if err := d.mend(); err != nil {
			d.world.fail(err)
			return
		}
		if err := d.move(); err != nil {
			d.world.fail(err)
			return
		}
	}
}

// move does one thing. Its error is a broken promise; what merely did not work is part of life.
func (d *device) move() error {
	w := d.world
	rooms := w.allRooms()
	r := rooms[d.intN(len(rooms))]
	ctx, cancel := context.WithTimeout(w.ctx, 20*time.Second)
	defer cancel()
	switch n := d.intN(100); {
	case n < 45:
		for range 1 + d.intN(4) {
			d.send(r)
		}
	case n < 52:
		return d.post(ctx, r)
	case n < 60 && r.changing:
		return d.amend(ctx, r)
	case n < 68:
		return d.read(ctx, r.id)
	case n < 80:
		return d.pull(ctx, r)
	case n < 92:
		return d.arrange(ctx, rooms)
	case n < 95 && w.faults.restarts:
		return d.restart()
	case n < 97 && w.faults.signOuts:
		d.signOut(ctx, w.devices[d.intN(len(w.devices))].ofSameUser(d))
	case d.lazy && d.intN(3) > 0:
		return d.look(rooms)
	default:
		d.settings(ctx, r.id)
	}
	return nil
}

// look opens other conversations, or none. It waits for no answer, as a person does not.
func (d *device) look(rooms []room) error {
	var open []client.ConversationID
	for _, r := range rooms {
		if len(open) < client.MaxFocus && d.intN(3) == 0 {
			open = append(open, r.id)
		}
	}
	cl := d.client()
	d.world.tasks.Go(func() { _ = cl.Focus(d.world.ctx, open...) })
	return nil
}

// lookAtAll opens what is large, as far as that goes, for a device that is to be held to the whole log.
func (d *device) lookAtAll() {
	cl := d.client()
	var open []client.ConversationID
	for _, c := range cl.Conversations() {
		if c.Tier == throngv1.Tier_TIER_LARGE && len(open) < client.MaxFocus {
			open = append(open, c.ID)
		}
	}
	slices.Sort(open)
	if d.lazy && !slices.Equal(open, cl.Focused()) {
		d.world.tasks.Go(func() { _ = cl.Focus(d.world.ctx, open...) })
	}
}

func (d *device) ofSameUser(as *device) *device {
	if d.user == as.user {
		return d
	}
	return as
}

// text makes what a message says: a key that no other has, and now and then so much more that it is only told as a hint.
func (d *device) text(mark string) (key, text string) {
	d.mu.Lock()
	d.sent++
	key = fmt.Sprintf("%s%s-%d", mark, d.name, d.sent)
	d.mu.Unlock()
	if d.intN(25) == 0 {
		return key, key + "|" + strings.Repeat("long ", 3_300+d.intN(1_000))
	}
	return key, key
}

// send puts a message into the outbox and records what becomes of it. Where sends are doubled, the same goes over HTTP too.
func (d *device) send(r room) {
	mark := ""
	if d.world.faults.twice {
		mark = "t" // the copy of a later one may come before an earlier one
	}
	key, text := d.text(mark)
	op := d.world.record(r, history.Op{Kind: history.Append, Client: d.number, Key: key})
	cl := d.client()
	sending, err := cl.Send(d.world.ctx, r.id, client.Text(text))
	if err != nil {
		op.Refused() // it never entered the outbox
		return
	}
	tries := []func() (uint64, error){func() (uint64, error) {
		ack, err := sending.Wait(d.world.ctx)
		return ack.Seq, err
	}}
	if d.world.faults.twice {
		tries = append(tries, func() (uint64, error) { return d.over(d.world.ctx, r, sending.Draft.ClientID[:], text, nil) })
	}
	o := outcome{op: op, open: len(tries)}
	for _, try := range tries {
		d.world.tasks.Go(func() {
			if err := o.note(try()); err != nil {
				d.world.fail(fmt.Errorf("%s in conversation %d: %w", key, r.id, err))
			}
		})
	}
}

// outcome is what all the tries of one send came to.
type outcome struct {
	mu      sync.Mutex
	op      *history.Pending
	open    int
	doubt   bool
	refused bool
	seq     uint64
}

// note takes one try's answer. All that are acknowledged give the same seq. The operation ends with the first
// acknowledgement, or as refused once every try was.
func (o *outcome) note(seq uint64, err error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.open--
	switch {
	case err == nil && o.seq == 0:
		o.seq = seq
		o.op.OK(func(op *history.Op) { op.Seq = seq })
	case err == nil && o.seq != seq:
		return fmt.Errorf("acknowledged as seq %d and as seq %d", o.seq, seq)
	case err == nil:
	case refused(err):
		o.refused = true
	default:
		o.doubt = true
	}
	if o.open == 0 && o.seq == 0 && o.refused && !o.doubt {
		o.op.Refused()
	}
	return nil
}

// refused reports whether the server said that it stored nothing.
func refused(err error) bool {
	var e *client.Error
	if !errors.As(err, &e) || e.Reason == "transport" {
		return false
	}
	switch e.Code {
	case throngv1.Code_CODE_UNSPECIFIED, throngv1.Code_CODE_UNKNOWN, throngv1.Code_CODE_CANCELED, throngv1.Code_CODE_INTERNAL:
		return false
	default:
		return true
	}
}

// over sends over HTTP, once.
func (d *device) over(ctx context.Context, r room, id []byte, text string, after []byte) (uint64, error) {
	resp, err := d.api().Messages.Send(ctx, connect.NewRequest(&throngv1.SendRequest{
		Conversation: uint64(r.id), ClientId: id, Body: &throngv1.SendRequest_Text{Text: text}, After: after,
	}))
	if err != nil {
		return 0, err
	}
	return resp.Msg.GetSeq(), nil
}

// post sends two messages over HTTP, the second to stand after the first, and repeats some. The first one's client id is
// then used for something else.
func (d *device) post(ctx context.Context, r room) error {
	firstKey, firstText := d.text("h")
	secondKey, secondText := d.text("h")
	first, second := d.newID(), d.newID()
	tries := 1 + d.intN(2)
	a := outcome{open: tries, op: d.world.record(r, history.Op{Kind: history.Append, Client: d.number, Key: firstKey})}
	b := outcome{open: tries, op: d.world.record(r, history.Op{Kind: history.Append, Client: d.number, Key: secondKey})}
	d.world.follows(r, firstKey, secondKey)
	var err error
	var group sync.WaitGroup
	for range tries {
		group.Go(func() {
			seq, sendErr := d.over(ctx, r, first, firstText, nil)
			if broken := a.note(seq, sendErr); broken != nil {
				d.world.fail(fmt.Errorf("%s in conversation %d: %w", firstKey, r.id, broken))
			}
		})
	}
	if d.intN(2) == 0 {
		group.Wait() // otherwise the second may arrive first, and is refused then
	}
	for range tries {
		seq, sendErr := d.over(ctx, r, second, secondText, first)
		err = errors.Join(err, b.note(seq, sendErr))
	}
	group.Wait()
	if err != nil {
		return fmt.Errorf("%s in conversation %d: %w", secondKey, r.id, err)
	}
	if a.seq != 0 {
		if seq, sendErr := d.over(ctx, r, first, "another content", nil); sendErr == nil {
			return fmt.Errorf("another content with the client id of %s was stored in conversation %d as seq %d", firstKey, r.id, seq)
		}
	}
	return nil
}

func (d *device) newID() []byte {
	d.random.Lock()
	defer d.random.Unlock()
	return newID(d.rng)
}

func newID(rng *rand.Rand) []byte {
	var b uuid.UUID
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b[:]
}

// read moves the read position to near the end.
func (d *device) read(ctx context.Context, id client.ConversationID) error {
	v, ok := d.client().Conversation(id)
	if !ok || v.Last == nil {
		return nil
	}
	to := v.Last.GetSeq() - min(v.Last.GetSeq()-1, uint64(d.intN(3)))
	if d.client().MarkRead(ctx, id, to) == nil {
		d.world.marked(d.user, id, to)
	}
	return nil
}

// pull reads a page from somewhere and records it. Heads do not go back.
func (d *device) pull(ctx context.Context, r room) error {
	from := uint64(1 + d.intN(20))
	op := d.world.record(r, history.Op{Kind: history.Pull, Client: d.number, From: from})
	resp, err := d.api().Messages.ListEntries(ctx, connect.NewRequest(&throngv1.ListEntriesRequest{
		Conversation: uint64(r.id), From: from, Limit: pageEntries,
	}))
	if err != nil {
		return nil //nolint:nilerr // what did not work is part of life
	}
	page := resp.Msg
	var keys []string
	for _, e := range page.GetEntries() {
		keys = append(keys, keyOf(e))
		d.world.saw(d.user, r.id, e.GetSeq())
	}
	op.OK(func(o *history.Op) {
		o.Keys = keys
		o.Whole = page.GetCovered().GetTo() >= page.GetHeadSeq() && from <= page.GetHeadSeq()
	})
	d.mu.Lock()
	defer d.mu.Unlock()
	if page.GetHeadSeq() < d.heads[r.id] {
		return fmt.Errorf("%s saw the head of conversation %d at %d and then at %d", d.name, r.id, d.heads[r.id], page.GetHeadSeq())
	}
	d.heads[r.id] = page.GetHeadSeq()
	return nil
}

const pageEntries = 200

func (d *device) settings(ctx context.Context, id client.ConversationID) {
	muted := d.intN(2) == 0
	_, _ = d.api().Conversations.UpdateSettings(ctx, connect.NewRequest(&throngv1.UpdateSettingsRequest{
		Conversation: uint64(id), Muted: &muted,
	}))
}
