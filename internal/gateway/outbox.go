package gateway

import (
	"slices"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/wire"
)

const (
	// headroom is kept free before the first piece for the WebSocket header, so that a frame is one contiguous write.
	headroom = 10
	// markBytes is what the note on a piece costs, counted against the bound.
	markBytes = 32
	// maxLagging is how many conversations a session may be behind in, one by one; beyond it one sync hint stands for all.
	maxLagging = 256
)

// Outbox is what waits for one receiver: the pieces of the next frame, bounded in bytes. Deliveries beyond the bound collapse
// to one hint per conversation, those beyond 256 conversations to one sync hint (D: nothing is lost, the device pulls).
// Answers never collapse: they are bounded by the requests in flight, and those of calls, which may be large, by being
// asked for one at a time. It is owned by the session's loop.
type Outbox struct {
	// immutable after construction
	sub   wire.Subprotocol
	limit int
	pool  *buffers

	// owned by the loop
	buf     []byte // headroom, begin of frame, pieces; empty where nothing waits
	marks   []mark // one per piece
	held    int    // bytes handed to the transport and not taken by it yet; see hold
	counted int    // bytes that the pool has counted for this outbox
	page    int    // bytes of buf that answer calls
	taken   int    // page of the frame that the transport was handed
	lagging map[chat.ConversationID]place
	lagAll  bool // too many conversations: one sync hint
	dropped int  // deliveries that collapsed, since the last look
}

// mark notes where a piece ends and what it tells, so that deliveries can be taken out again.
type mark struct {
	end          int
	conversation chat.ConversationID // 0: never collapses
	place        place
}

// place is an end of a conversation.
type place struct {
	seq     chat.Seq
	ordinal chat.Ordinal
}

// Len is how many bytes wait for the receiver, those in the hands of the transport included.
func (o *Outbox) Len() int { return len(o.buf) + len(o.marks)*markBytes + o.held }

// Owed is Len without the answers of calls, which were asked for one by one.
func (o *Outbox) Owed() int { return o.Len() - o.page - min(o.held, o.taken) }

// Empty reports that there is nothing to write.
func (o *Outbox) Empty() bool { return len(o.buf) == 0 && !o.behind() }

// Add puts a piece that must arrive.
func (o *Outbox) Add(piece []byte) { o.add(piece, 0, place{}) }

// AddPage puts the answer of a call, which may be large.
func (o *Outbox) AddPage(piece []byte) {
	o.Add(piece)
	o.page += len(piece)
}

// Push puts a delivery of a conversation that may collapse to a hint.
func (o *Outbox) Push(piece []byte, id chat.ConversationID, at place) {
	if o.behind() {
		// Content after a hint would only show a gap that the hint has told already.
		o.lag(id, at)
		return
	}
	if o.Len()+len(piece)+markBytes > o.limit || (o.held > 0 && o.pool.full(true)) {
		o.collapse()
		o.lag(id, at)
		return
	}
	o.add(piece, id, at)
}

func (o *Outbox) add(piece []byte, id chat.ConversationID, at place) {
	if len(o.buf) == 0 {
		o.begin()
	}
	o.buf = wire.AddPiece(o.sub, o.buf, piece)
	o.marks = append(o.marks, mark{end: len(o.buf), conversation: id, place: at})
	o.count()
}

// hold notes how much of what was taken is still with the transport.
func (o *Outbox) hold(n int) {
	o.held = n
	o.count()
}

// count tells the pool what waits here.
func (o *Outbox) count() {
	n := len(o.buf) + o.held
	o.pool.queued += n - o.counted
	o.counted = n
}

func (o *Outbox) begin() {
	if o.buf == nil {
		o.buf = o.pool.get()
	}
	o.buf = wire.BeginFrame(o.sub, o.buf[:headroom])
}

func (o *Outbox) behind() bool { return o.lagAll || len(o.lagging) > 0 }

// lag notes that the receiver is behind in a conversation.
func (o *Outbox) lag(id chat.ConversationID, at place) {
	o.dropped++
	if o.lagAll || mutant == mutantOverflowDropped {
		return
	}
	if o.lagging == nil {
		o.lagging = make(map[chat.ConversationID]place)
	}
	if at.seq > o.lagging[id].seq {
		o.lagging[id] = at
	}
	if len(o.lagging) > maxLagging {
		o.lagAll, o.lagging = true, nil
	}
}

// collapse takes the deliveries out of the buffer and notes their conversations; the other pieces stay, in order.
func (o *Outbox) collapse() {
	if len(o.buf) == 0 {
		return
	}
	old, marks := o.buf, o.marks
	o.buf, o.marks = nil, nil
	o.count()
	start := len(wire.BeginFrame(o.sub, make([]byte, headroom, headroom+32)))
	for _, m := range marks {
		piece := old[start:m.end]
		start = m.end
		if m.conversation != 0 {
			o.lag(m.conversation, m.place)
			continue
		}
		if o.sub == wire.JSON && piece[0] == ',' {
			piece = piece[1:]
		}
		o.add(piece, 0, place{})
	}
	o.pool.put(old)
}

// Take finishes the frame and hands it over, with headroom bytes free before the payload; nil where nothing waits. The caller
// owns the buffer and gives it back to the pool. Hints of a receiver that fell behind go with it: it is called when the
// transport has taken all that it was given.
func (o *Outbox) Take() []byte {
	o.catchUp()
	if len(o.buf) == 0 {
		return nil
	}
	frame := wire.EndFrame(o.sub, o.buf)
	o.buf = nil
	o.page, o.taken = 0, o.page
	o.count()
	if cap(o.marks) > 64 {
		o.marks = nil
	}
	o.marks = o.marks[:0]
	return frame
}

func (o *Outbox) catchUp() {
	if o.lagAll {
		o.lagAll = false
		o.add(syncHintPiece(o.sub), 0, place{})
	}
	if len(o.lagging) == 0 {
		return
	}
	ids := make([]chat.ConversationID, 0, len(o.lagging))
	for id := range o.lagging {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		at := o.lagging[id]
		o.add(hintPiece(o.sub, id, at.seq, at.ordinal), 0, place{})
	}
	o.lagging = nil
}

// Drop forgets everything that waits.
func (o *Outbox) Drop() {
	if o.buf != nil {
		o.pool.put(o.buf)
	}
	o.buf, o.marks, o.lagging, o.lagAll, o.page = nil, nil, nil, false, 0
	o.count()
}
