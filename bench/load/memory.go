package load

import (
	"bytes"
	"time"

	"github.com/throng-im/throng/bench/text"
)

const (
	keptTexts  = 256 // of which a loop keeps the first copy
	keptFrames = 8
	maxFrameOf = 32 // entries of a frame that is remembered
)

// memory is what a loop has seen lately, so that what everybody gets is read once and compared with afterwards.
type memory struct {
	texts   [keptTexts]known
	touched []int // of texts, with arrivals to tell
	frames  [keptFrames]frame
	turn    int
}

// known is the first copy of a text, which held against its checksum.
type known struct {
	conv, seq uint64
	stamp     text.Stamp
	text      []byte
	n         int
	first     int64
	last      int64
}

// learn holds a text against its first copy, or keeps it as that. It returns its place, or -1 where it is damaged.
func (m *memory) learn(l *core, conv, seq uint64, words []byte) int {
	at := int((seq + conv*7) % keptTexts) // conversations side by side do not share places
	k := &m.texts[at]
	if k.seq == seq && k.conv == conv {
		if !bytes.Equal(k.text, words) {
			return -1
		}
		return at
	}
	st, ok := text.Read(words)
	if !ok {
		return -1
	}
	m.flushFrames(l)
	m.tell(l, k)
	k.conv, k.seq, k.stamp, k.text = conv, seq, st, append(k.text[:0], words...)
	for i := range m.frames { // none of them may name what the place held before
		if m.frames[i].holds(at) {
			m.frames[i].reset()
		}
	}
	return at
}

// arrived counts n arrivals of a text now.
func (m *memory) arrived(l *core, at, n int) {
	k := &m.texts[at]
	if k.n == 0 {
		k.first = l.now
		m.touched = append(m.touched, at)
	}
	k.n += n
	k.last = l.now
	l.latency(time.Duration(l.now-k.stamp.Due), int64(n))
}

// tell reports arrivals to the driver.
func (m *memory) tell(l *core, k *known) {
	if k.n == 0 {
		return
	}
	a := Arrival{
		Conversation: k.conv, Seq: k.seq, Sender: k.stamp.Sender, Counter: k.stamp.Counter, Due: k.stamp.Due,
		N: k.n, First: k.first, Last: k.last,
	}
	k.n = 0
	l.cfg.Driver.Reached(a)
}

func (m *memory) settle(l *core) {
	m.flushFrames(l)
	for _, at := range m.touched {
		m.tell(l, &m.texts[at])
	}
	m.touched = m.touched[:0]
}

// frame is one that came whole and in order to somebody: the next who gets the same bytes has got the same entries.
type frame struct {
	bytes      []byte
	conv       uint64
	first      uint64 // seq of its first entry; the others follow without a gap
	spots      []int  // where the texts are kept
	entries    int64
	textBytes  int64
	entryBytes int64 // of entries alone, while measuring
	odd        bool  // holds something else too, or did not fit
	size       int   // with its header
	at         int64
	n          int // receivers since the last flush, all of them at that time
}

func (f *frame) reset() {
	f.bytes, f.spots = f.bytes[:0], f.spots[:0]
	f.conv, f.first, f.entries, f.textBytes, f.entryBytes, f.n, f.odd = 0, 0, 0, 0, 0, 0, false
}

func (f *frame) holds(spot int) bool {
	for _, s := range f.spots {
		if s == spot {
			return true
		}
	}
	return false
}

func (f *frame) add(conv, seq uint64, spot int) {
	if len(f.spots) == 0 {
		f.conv, f.first = conv, seq
	}
	if conv != f.conv || seq != f.first+uint64(len(f.spots)) || len(f.spots) == maxFrameOf {
		f.odd = true
		return
	}
	f.spots = append(f.spots, spot)
}

// scan reads a frame that was not seen before, and remembers it where it may come again.
func (l *core) scan(payload []byte, size int) error {
	f := &l.seen
	f.reset()
	if err := l.scanner.Scan(payload); err != nil {
		return err
	}
	if f.entries == 0 {
		return nil
	}
	if l.measuring {
		l.counts.Frames++
		l.counts.Bytes += int64(size - len(payload))
		if f.odd {
			l.counts.Bytes += f.entryBytes
		} else { // profiles and the like count too
			l.counts.Bytes += int64(len(payload))
		}
	}
	if f.odd {
		return nil
	}
	f.textBytes = 0
	for _, s := range f.spots {
		f.textBytes += int64(len(l.memory.texts[s].text))
	}
	f.size = size
	f.bytes = append(f.bytes, payload...)
	m := &l.memory
	m.turn = (m.turn + 1) % keptFrames
	m.flush(l, &m.frames[m.turn])
	m.frames[m.turn], l.seen = l.seen, m.frames[m.turn]
	return nil
}

// known takes a frame that somebody else got before, if it is one.
func (l *core) known(c *conn, payload []byte) bool {
	if c.flags&(hasSide|sends|wantsFocus|slow) != wantsFocus || c.state != open {
		return false
	}
	m := &l.memory
	for k := range keptFrames {
		f := &m.frames[(m.turn+keptFrames-k)%keptFrames]
		if len(f.bytes) != len(payload) || f.first != c.next || f.conv != c.conv || !bytes.Equal(f.bytes, payload) {
			continue
		}
		if f.at != l.now {
			m.flush(l, f)
			f.at = l.now
		}
		f.n++
		c.next += uint64(f.entries)
		return true
	}
	return false
}

// flush counts the receivers of a frame.
func (m *memory) flush(l *core, f *frame) {
	if f.n == 0 {
		return
	}
	n := int64(f.n)
	f.n = 0
	if l.measuring {
		l.counts.Entries += n * f.entries
		l.counts.Frames += n
		l.counts.Bytes += n * int64(f.size)
		l.counts.TextBytes += n * f.textBytes
	}
	now := l.now
	l.now = f.at
	for _, s := range f.spots {
		m.arrived(l, s, int(n))
	}
	l.now = now
}

func (m *memory) flushFrames(l *core) {
	for i := range m.frames {
		m.flush(l, &m.frames[i])
	}
}
