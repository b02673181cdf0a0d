package session

import (
	"slices"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/websocket"
	"github.com/throng-im/throng/internal/wire"
)

const (
	// markBytes is what the note on a piece costs, counted against the bound.
	markBytes = 32
	// maxLagging is how many conversations a session may be behind in, one by one; beyond it one sync hint stands for all.
	maxLagging = 256
	// maxShared is how many messages made for everybody wait for a receiver whose transport is busy; beyond it they collapse. They
	// are shared memory, and a receiver that is so many behind is slow.
	maxShared = 16
)

// Outbox is what waits for one receiver: the pieces of the next frame, bounded in bytes. Deliveries beyond the bound collapse
// to one hint per conversation, those beyond 256 conversations to one sync hint (D: nothing is lost, the device pulls).
// Answers never collapse: they are bounded by the requests in flight, and those of calls, which may be large, by being
// asked for one at a time. It is owned by the session's loop.
type Outbox struct {
	// immutable after construction
	env *Env

	// owned by the loop
	next    *draft    // the next frame; nil where nothing waits
	lone    *Parcel   // all that the next frame has, where that is one entry as everybody gets it; then next is nil
	lag     *lag      // nil for a receiver that keeps up
	shared  *backlog  // what follows it; nil where nothing does
	soft    *whispers // what follows all of it; nil where nothing does
	held    int32     // bytes handed to the transport and not taken by it yet; see Hold
	counted int32     // bytes that env has counted for this outbox
	taken   int32     // page of the frame that the transport was handed
	dropped int32     // deliveries that collapsed, since the last look
	sub     wire.Subprotocol
}

// draft is a frame in the making.
type draft struct {
	buf   []byte // headroom, begin of frame, pieces
	marks []mark // one per piece
	page  int    // bytes of buf that answer calls
}

// lag is what a receiver that is behind will be hinted at.
type lag struct {
	conversations map[chat.ConversationID]place
	all           bool // too many conversations: one sync hint
}

// mark notes where a piece ends and what it tells, so that deliveries can be taken out again.
type mark struct {
	end          int
	conversation chat.ConversationID // 0: never collapses
	place        place
}

// backlog is content made for everybody that waits for a busy transport: no copy of it is made. It is behind the next frame, and
// goes when the receiver falls behind.
type backlog struct {
	list  []Shared
	bytes int
}

// place is an end of a conversation.
type place struct {
	seq     chat.Seq
	ordinal chat.Ordinal
	tier    chat.Tier
}

func placeOf(h chat.Head) place { return place{h.Seq, h.Ordinal, h.Tier} }

// Len is how many bytes wait for the receiver, those in the hands of the transport included.
func (o *Outbox) Len() int {
	n := int(o.held)
	if d := o.next; d != nil {
		n += len(d.buf) + len(d.marks)*markBytes
	}
	if o.lone != nil {
		n += o.lone.size(o.sub)
	}
	if o.shared != nil {
		n += o.shared.bytes
	}
	return n
}

// Waiting is how many bytes the next frame has so far.
func (o *Outbox) Waiting() int {
	if o.next == nil {
		return 0
	}
	return len(o.next.buf)
}

// Owed is Len without the answers of calls, which were asked for one by one.
func (o *Outbox) Owed() int {
	n := o.Len() - int(min(o.held, o.taken))
	if o.next != nil {
		n -= o.next.page
	}
	return n
}

// Empty reports that there is nothing to write.
func (o *Outbox) Empty() bool { return o.idle() && o.soft == nil }

// idle reports that nothing waits that anybody would miss.
func (o *Outbox) idle() bool {
	return o.next == nil && o.lone == nil && o.lag == nil && o.shared == nil
}

// Collapsed is how many deliveries became hints since the last look.
func (o *Outbox) Collapsed() int {
	n := o.dropped
	o.dropped = 0
	return int(n)
}

// Add puts a piece that must arrive.
func (o *Outbox) Add(piece []byte) { o.add(piece, 0, place{}) }

// AddPage puts the answer of a call, which may be large.
func (o *Outbox) AddPage(piece []byte) {
	o.Add(piece)
	o.next.page += len(piece)
}

// Push puts a delivery of a conversation that may collapse to a hint.
func (o *Outbox) Push(piece []byte, id chat.ConversationID, at place) {
	o.merge(id)
	if o.lag != nil {
		// Content after a hint would only show a gap that the hint has told already.
		o.behind(id, at)
		return
	}
	if o.Len()+len(piece)+markBytes > o.env.cfg.Outbound || (o.held > 0 && o.env.full(true)) {
		o.collapse()
		o.behind(id, at)
		return
	}
	o.add(piece, id, at)
}

// deliver is Push for an entry as everybody gets it. Where nothing waits it is not copied: unless something joins it, the frame that
// is made once for all goes out.
func (o *Outbox) deliver(p *Parcel, piece []byte) {
	if o.held == 0 && o.idle() {
		o.lone = p
		return
	}
	o.Push(piece, p.d.Conversation, p.place())
}

// joined copies the lone entry, since it gets company.
func (o *Outbox) joined() {
	if p := o.lone; p != nil {
		o.lone = nil
		piece, _ := p.piece(o.sub, false)
		o.add(piece, p.d.Conversation, p.place())
	}
}

// share takes content made for everybody, or says that the shell may write it.
func (o *Outbox) share(r Shared) (write bool) {
	end := r.End()
	switch {
	case o.held == 0 && o.idle():
		return true
	case end.Seq == 0: // a notice: nothing stands for it
		o.Add(r.Piece(o.sub))
	case o.held == 0 && o.shared == nil:
		o.Push(r.Piece(o.sub), end.Conversation, placeOf(end))
	default:
		o.queue(r, end)
	}
	return false
}

// queue keeps content made for everybody until the transport has taken what it holds.
func (o *Outbox) queue(r Shared, end chat.Head) {
	n := len(r.Piece(o.sub))
	b := o.shared
	if o.lag != nil || o.Len()+n > o.env.cfg.Outbound || (b != nil && len(b.list) >= maxShared) {
		o.unshare()
		o.behind(end.Conversation, placeOf(end))
		return
	}
	if b == nil {
		b = new(backlog)
		o.shared = b
	}
	b.list = append(b.list, r)
	b.bytes += n
}

// unshare has hints stand for the content that waits.
func (o *Outbox) unshare() {
	b := o.shared
	if b == nil {
		return
	}
	o.shared = nil
	for _, r := range b.list {
		end := r.End()
		o.behind(end.Conversation, placeOf(end))
	}
}

// merge puts a conversation's content that waits into the next frame, since something of the conversation is to follow it there.
func (o *Outbox) merge(id chat.ConversationID) {
	b := o.shared
	if b == nil || !slices.ContainsFunc(b.list, func(r Shared) bool { return r.End().Conversation == id }) {
		return
	}
	o.shared = nil
	for _, r := range b.list {
		end := r.End()
		o.Push(r.Piece(o.sub), end.Conversation, placeOf(end))
	}
}

// TakeShared hands over the next content made for everybody, once [Outbox.Take] gives nothing; nil where there is none.
func (o *Outbox) TakeShared() Shared {
	b := o.shared
	if b == nil {
		return nil
	}
	r := b.list[0]
	b.bytes -= len(r.Piece(o.sub))
	if b.list = b.list[1:]; len(b.list) == 0 {
		o.shared = nil
	}
	return r
}

func (o *Outbox) add(piece []byte, id chat.ConversationID, at place) {
	o.joined()
	d := o.next
	if d == nil {
		d = o.env.getDraft()
		d.buf = wire.BeginFrame(o.sub, o.env.Get()[:websocket.Headroom])
		o.next = d
	}
	d.buf = wire.AddPiece(o.sub, d.buf, piece)
	d.marks = append(d.marks, mark{end: len(d.buf), conversation: id, place: at})
	o.count()
}

// Hold notes how much of what was taken is still with the transport.
func (o *Outbox) Hold(n int) {
	if o.held = int32(n); n > 0 {
		o.soft = nil
	}
	o.count()
}

// count tells the loop what waits here.
func (o *Outbox) count() {
	n := o.held
	if o.next != nil {
		n += int32(len(o.next.buf))
	}
	o.env.queued += int(n - o.counted)
	o.counted = n
}

// behind notes that the receiver is behind in a conversation.
func (o *Outbox) behind(id chat.ConversationID, at place) {
	o.dropped++
	if mutant == mutantOverflowDropped {
		return
	}
	l := o.lag
	if l == nil {
		l = new(lag)
		o.lag = l
	}
	if l.all {
		return
	}
	if l.conversations == nil {
		l.conversations = make(map[chat.ConversationID]place)
	}
	if at.seq > l.conversations[id].seq {
		l.conversations[id] = at
	}
	if len(l.conversations) > maxLagging {
		l.all, l.conversations = true, nil
	}
}

// lagAll notes that the receiver misses something that is no entry: a sync tells it all.
func (o *Outbox) lagAll() {
	o.joined()
	o.dropped++
	o.shared = nil
	o.lag = &lag{all: true}
}

// collapse takes the deliveries out of the frame and notes their conversations; the other pieces stay, in order.
func (o *Outbox) collapse() {
	o.joined()
	o.unshare()
	old := o.next
	if old == nil {
		return
	}
	page := old.page
	o.next = nil
	o.count()
	start := len(wire.BeginFrame(o.sub, make([]byte, websocket.Headroom, websocket.Headroom+32)))
	for _, m := range old.marks {
		piece := old.buf[start:m.end]
		start = m.end
		if m.conversation != 0 {
			o.behind(m.conversation, m.place)
			continue
		}
		if o.sub == wire.JSON && piece[0] == ',' {
			piece = piece[1:]
		}
		o.add(piece, 0, place{})
	}
	if o.next != nil {
		o.next.page = page
	}
	o.env.Put(old.buf)
	o.env.putDraft(old)
}

// Take finishes the frame and hands it over as a whole WebSocket message; nil where nothing waits. buf is the memory that it lies in,
// which the caller owns and gives back with [Env.Put]; nil for a frame that others get too: then nobody writes to it. Hints of a
// receiver that fell behind go with it: it is called when the transport has taken all that it was given.
func (o *Outbox) Take() (frame, buf []byte) {
	if p := o.lone; p != nil && o.lag == nil {
		o.lone, o.taken = nil, 0
		return p.frame(o.sub), nil
	}
	o.joined()
	o.catchUp()
	o.whispered()
	d := o.next
	if d == nil {
		return nil, nil
	}
	buf = wire.EndFrame(o.sub, d.buf)
	o.next, o.taken = nil, int32(d.page)
	o.env.putDraft(d)
	o.count()
	return websocket.Seal(buf, websocket.DataOp(o.sub.Text())), buf
}

func (o *Outbox) catchUp() {
	l := o.lag
	if l == nil {
		return
	}
	o.lag = nil
	if l.all {
		o.add(wire.SyncHint(o.sub), 0, place{})
	}
	ids := make([]chat.ConversationID, 0, len(l.conversations))
	for id := range l.conversations {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		at := l.conversations[id]
		o.add(hintPiece(o.sub, id, at), 0, place{})
	}
}

// end forgets what nobody misses who has to come back and to sync: content that waits and hints, so that nothing follows the last words.
func (o *Outbox) end() { o.shared, o.lag, o.soft = nil, nil, nil }

// Drop forgets everything that waits.
func (o *Outbox) Drop() {
	if d := o.next; d != nil {
		o.env.Put(d.buf)
		o.env.putDraft(d)
	}
	o.next, o.lone, o.lag, o.shared, o.soft = nil, nil, nil, nil, nil
	o.count()
}
