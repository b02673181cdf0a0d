package message

import "github.com/throng-im/throng/internal/chat"

// readers remembers who reads: from which seq on, and how far each has come. It knows those who have been in a conversation
// once, without an end: nearly all of them. It holds no pointers, so that the garbage collector passes over a million of
// them. It forgets what was used least recently, half of it at a time. [recent] guards it.
//
// A reader is asked for, read from the directory, and then known. What events say in between is not lost: a change of
// membership ends the question, and a read position that moved is kept with it.
type readers struct {
	half       int
	young, old map[readerKey]reader
	asked      uint64 // questions so far
}

type readerKey struct {
	conversation chat.ConversationID
	user         chat.UserID
}

type reader struct {
	from  chat.Seq
	read  chat.Read
	asked uint64 // the question under way; from is not known before its answer. 0 once it is.
}

func newReaders(limit int) *readers {
	return &readers{half: max(limit/2, 1), young: make(map[readerKey]reader)}
}

// get finds one who is known.
func (c *readers) get(k readerKey) (reader, bool) {
	if r, ok := c.young[k]; ok {
		return r, r.asked == 0
	}
	r, ok := c.old[k]
	if ok {
		c.put(k, r)
	}
	return r, ok && r.asked == 0
}

func (c *readers) put(k readerKey, r reader) {
	if _, ok := c.young[k]; !ok && len(c.young) >= c.half {
		c.young, c.old = make(map[readerKey]reader), c.young
	}
	delete(c.old, k)
	c.young[k] = r
}

// ask begins a question, before the directory is read. 0: there is no need to answer, since somebody else does.
func (c *readers) ask(k readerKey) uint64 {
	_, young := c.young[k]
	if _, old := c.old[k]; young || old {
		return 0
	}
	c.asked++
	c.put(k, reader{asked: c.asked})
	return c.asked
}

// answer ends a question, unless an event has.
func (c *readers) answer(k readerKey, asked uint64, p Part) {
	r, ok := c.young[k]
	if !ok {
		r, ok = c.old[k]
	}
	if !ok || r.asked != asked {
		return
	}
	if len(p.Spans) != 1 || p.Spans[0].To != 0 || p.Hidden != "" {
		c.drop(k)
		return
	}
	if p.Read.Seq > r.read.Seq {
		r.read = p.Read
	}
	c.put(k, reader{from: p.Spans[0].From, read: r.read})
}

// move takes the read position of an event.
func (c *readers) move(k readerKey, to chat.Read) {
	for _, m := range []map[readerKey]reader{c.young, c.old} {
		if r, ok := m[k]; ok && to.Seq > r.read.Seq {
			r.read = to
			m[k] = r
		}
	}
}

func (c *readers) drop(k readerKey) {
	delete(c.young, k)
	delete(c.old, k)
}

func (c *readers) clear() { c.young, c.old = make(map[readerKey]reader), nil }

func (c *readers) len() int { return len(c.young) + len(c.old) }
