package gateway

// This file is what goes out.

// write hands what waits to the carrier: control frames, one data frame, the close frame.
func (l *loop) write(c *conn) {
	if c.id == 0 || c.flags.has(flagWriting) {
		return
	}
	c.flags &^= flagTogether
	out := c.session.Outbox()
	bytes, buf := out.Take()
	l.stats.collapsed += out.Collapsed()
	if w := c.work; w != nil && len(w.control)+len(w.goodbye) > 0 {
		all := append(append(append(l.env.Get(), w.control...), bytes...), w.goodbye...)
		l.env.Put(buf)
		bytes, buf = all, all
		w.control, w.goodbye = w.control[:0], nil
	}
	if len(bytes) == 0 {
		shared := out.TakeShared()
		if shared == nil {
			return
		}
		bytes = sharedFrame(c, shared)
	}
	if l.put(c, buf, bytes) {
		l.afterWrite(c)
	}
}

// put has the carrier write a frame; it reports whether all of it went. buf is the loop's memory that the frame lies in, or nil for one
// that many connections get: then nobody writes to it.
func (l *loop) put(c *conn, buf, frame []byte) (all bool) {
	l.stats.frames++
	l.stats.bytes += len(frame)
	n, err := c.link.write(c, frame)
	if err != nil {
		l.env.Put(buf)
		l.drop(c)
		return false
	}
	if n == len(frame) {
		l.env.Put(buf)
		return true
	}
	w := l.workOf(c)
	w.buf, w.rest, w.sawAt = buf, frame[n:], l.now
	c.flags |= flagWriting
	c.session.Outbox().Hold(len(w.rest))
	l.wheel.schedule(c, min(l.now+l.srv.cfg.Stall.Milliseconds(), c.dueAt()))
	c.link.await(c)
	return false
}

// dueAt is the time of the connection's entry in the wheel.
func (c *conn) dueAt() int64 {
	if c.due == 0 {
		return 1 << 62
	}
	return (int64(c.due) - 1) * tick.Milliseconds()
}

// room tells that the peer takes more.
func (l *loop) room(c *conn) {
	if !c.flags.has(flagWriting) {
		return
	}
	n, err := c.link.write(c, c.work.rest)
	l.wrote(c, n, err)
}

// wrote takes how much of the rest the carrier got rid of.
func (l *loop) wrote(c *conn, n int, err error) {
	if !c.flags.has(flagWriting) {
		return
	}
	if err != nil {
		l.drop(c)
		return
	}
	w := c.work
	w.rest = w.rest[n:]
	if n > 0 {
		w.sawAt = l.now
	}
	c.session.Outbox().Hold(len(w.rest))
	if len(w.rest) > 0 {
		return
	}
	c.flags &^= flagWriting
	l.env.Put(w.buf)
	w.buf, w.rest = nil, nil
	if len(w.control)+len(w.goodbye) > 0 {
		l.mark(c)
	}
	l.afterWrite(c)
}

// afterWrite goes on once the carrier has taken everything: what was held back is allowed, and a connection that has said its
// goodbye after the peer's is closed.
func (l *loop) afterWrite(c *conn) {
	if c.flags.has(flagClosing) && c.flags.has(flagPeerEnd) && (c.work == nil || len(c.work.goodbye) == 0) {
		l.drop(c)
		return
	}
	if c.session.Starved() {
		c.session.Drained()
	}
	l.after(c)
}

// workOf returns the connection's work, borrowed if it has none.
func (l *loop) workOf(c *conn) *work {
	if c.work == nil {
		if n := len(l.works); n > 0 {
			c.work = l.works[n-1]
			l.works = l.works[:n-1]
		} else {
			c.work = new(work)
		}
	}
	return c.work
}

// keptWorks is how many a loop keeps for the next that need one.
const keptWorks = 1_024

func (l *loop) putWork(w *work) {
	if len(l.works) < keptWorks {
		if cap(w.control) > maxPongs {
			w.control = nil
		}
		*w = work{control: w.control[:0]}
		l.works = append(l.works, w)
	}
}
